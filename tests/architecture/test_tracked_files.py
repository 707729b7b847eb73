"""What the repository says is true on every machine, not only on one."""

import re

import pytest

from tests.architecture.repository import GENERATED, ROOT, relative, repository_files

# Written in pieces, so that this file does not find itself.
INDEX_HOST = re.compile(
    "|".join(["pypi" + r"\.org", "python" + "hosted", "--index" + "-url \\S+:"])
)
MACHINE_PATH = re.compile("|".join(f"(?<![\\w.~}}])/{top}/" for top in ("work", "root", "Users")))
BINARY = {".png", ".svg", ".gz", ".parquet", ".ico"}


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


NAMES = [relative(path) for path in repository_files() if path.suffix not in BINARY]


def test_there_is_something_to_look_at() -> None:
    assert "Makefile" in NAMES
    assert "rebalancer/__init__.py" in NAMES


def test_no_file_names_a_package_index() -> None:
    assert not [name for name in NAMES if INDEX_HOST.search(text_of(name))]


def test_no_file_names_a_path_of_one_machine() -> None:
    found = [name for name in NAMES if name not in GENERATED and MACHINE_PATH.search(text_of(name))]
    assert not found


@pytest.mark.parametrize("name", ["runtime", "dev", "uv"])
def test_every_requirement_is_pinned_with_its_hashes(name: str) -> None:
    lines = text_of(f"requirements/{name}.txt").replace("\\\n", " ").splitlines()
    pins = [line for line in lines if line and not line.lstrip().startswith("#")]
    assert pins
    assert not [pin.split()[0] for pin in pins if "==" not in pin or "--hash=sha256:" not in pin]
