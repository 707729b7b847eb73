"""`make demo` for somebody who has just cloned the repository, and for the same person again.

The copy is of the last commit. The home is empty, so no cache of pip or uv and no world of an
earlier demo is there; where packages come from is as this machine is set up.
"""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.checkout import copy, require_checkout
from bench.children import run_to_end
from bench.failure import BenchFailed

DEMO_SECONDS_MAX = 900
OF_A_PERSON = ("TRIMTAB_", "DAGSTER_", "PYTHON", "VIRTUAL_ENV", "MAKE", "MFLAGS")
"""What would make this demo another than that of a fresh shell."""


def require_demo() -> None:
    """Raises BenchFailed, with the way out, where `make demo` cannot be measured."""
    way_out = "leave it out with --no-demo"
    if shutil.which("make") is None:
        raise BenchFailed(f"`make demo` needs the program make; install it, or {way_out}")
    try:
        require_checkout("`make demo` in a fresh copy")
    except BenchFailed as problem:
        raise BenchFailed(f"{problem}; or {way_out}") from problem


def measure_demo() -> Iterator[float]:
    """Seconds of `make demo` in a fresh copy, and of the same command again in the same place."""
    with TemporaryDirectory(prefix="trimtab-bench-") as folder:
        place = Path(folder)
        home = place / "home"
        home.mkdir()
        copy("HEAD", place / "copy")
        for name in ("cold", "warm"):
            started = time.monotonic()
            run_to_end(
                ["make", "demo", f"PYTHON={_interpreter()}"],
                name=f"make demo, {name}",
                folder=place / "copy",
                log=place / f"{name}.log",
                env=_environment(home),
                seconds_max=DEMO_SECONDS_MAX,
            )
            yield time.monotonic() - started


def _environment(home: Path) -> dict[str, str]:
    """A fresh shell's. Pip and uv read from its old place which index a person chose."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(OF_A_PERSON)}
    kept.setdefault("XDG_CONFIG_HOME", str(Path.home() / ".config"))
    return {**kept, "HOME": str(home)}


def _interpreter() -> str:
    """The interpreter this environment was made with: a launcher may look for it in the home."""
    return str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}")
