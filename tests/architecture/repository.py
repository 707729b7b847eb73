"""What the architecture tests look at: the repository's files and the imports in them."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("rebalancer", "resources", "assets", "sensors", "pipelines", "bench", "services")
GENERATED = {"requirements/dev.txt", "requirements/runtime.txt", "requirements/uv.txt", "LICENSE"}


def python_files(*folders: str) -> list[Path]:
    """Every Python file below these folders of the repository, in a stable order."""
    return sorted(
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if "__pycache__" not in path.parts
    )


def repository_files() -> list[Path]:
    """Every file that git keeps or would keep; without git, every file in the folder."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        names = [name for name in listed.stdout.decode().split("\0") if name]
    else:
        found = (path.relative_to(ROOT) for path in ROOT.rglob("*"))
        names = [path.as_posix() for path in found if not any(map(is_left_over, path.parts))]
    return sorted(ROOT / name for name in names if (ROOT / name).is_file())


def is_left_over(name: str) -> bool:
    """A folder or file that tools leave behind, told by its name alone."""
    hidden = name.startswith(".") and name not in (".ci", ".gitignore")
    return hidden or name in ("__pycache__", "build", "dist") or name.endswith(".egg-info")


def relative(path: Path) -> str:
    """The path as the repository writes it."""
    return path.relative_to(ROOT).as_posix()


def imported_modules(path: Path) -> Iterator[str]:
    """Every module a file imports, wherever in the file the import stands."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module
