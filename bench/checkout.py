"""The git checkout this program runs from, and copies of it. Only this file here calls git.

Belongs here: making copies. What runs in a copy, and removing it, is its caller's business.
"""

import subprocess
from pathlib import Path

from bench.failure import BenchFailed

ROOT = Path(__file__).resolve().parents[1]


def require_checkout(what: str) -> None:
    """Raises BenchFailed, and says that `what` needs one, if this program runs from no checkout."""
    try:
        top = _git("rev-parse", "--show-toplevel")
    except (BenchFailed, FileNotFoundError) as problem:
        top = str(problem)
    if top != str(ROOT):
        raise BenchFailed(
            f"{what} needs git, and a checkout of the repository to run from. {ROOT} is none: {top}"
        )


def resolve(commit: str) -> str:
    """The full name of a commit."""
    try:
        return _git("rev-parse", "--verify", "--end-of-options", f"{commit}^{{commit}}")
    except BenchFailed:
        raise BenchFailed(
            f"expected a commit of {ROOT}, was {commit!r}; `git log --oneline` lists them"
        ) from None


def describe(commit: str) -> str:
    """Its short name and its subject."""
    return _git("log", "-1", "--format=%h %s", commit)


def is_changed(commit: str, *paths: str) -> bool:
    """Do these files here, committed or not, differ from those of a commit?"""
    return bool(_git("diff", "--name-only", commit, "--", *paths))


def copy(commit: str, folder: Path) -> None:
    """The files of a commit in a new folder. A clone, so that nothing here knows of the folder."""
    _git("clone", "--quiet", "--shared", "--no-checkout", str(ROOT), str(folder))
    _git("checkout", "--quiet", "--detach", commit, where=folder)


def _git(*words: str, where: Path = ROOT) -> str:
    ended = subprocess.run(
        ["git", "-C", str(where), *words], capture_output=True, text=True, check=False
    )
    if ended.returncode != 0:
        raise BenchFailed(f"git {words[0]} ended with {ended.returncode}: {ended.stderr.strip()}")
    return ended.stdout.strip()
