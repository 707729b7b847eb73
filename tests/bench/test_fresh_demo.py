"""`make demo` in a fresh copy, with a program called make that only says what it was asked."""

import os
from pathlib import Path

import pytest

from bench.checkout import ROOT
from bench.failure import BenchFailed
from bench.fresh_demo import measure_demo, require_demo

needs_checkout = pytest.mark.skipif(
    not (ROOT / ".git").exists(), reason="runs from files that are no git checkout"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the program is; settings of a real portfolio lie about."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("TRIMTAB_HOME", str(tmp_path))
    monkeypatch.setenv("PIP_TIMEOUT", "7")
    return tmp_path


def write_make(folder: Path, *lines: str) -> None:
    program = folder / "bin" / "make"
    program.write_text("\n".join(("#!/bin/sh", *lines)) + "\n")
    program.chmod(0o755)


@needs_checkout
def test_a_demo_is_measured_in_a_copy_with_an_empty_home_and_then_again(folder: Path) -> None:
    write_make(
        folder,
        f'echo "$1 $(ls -A "$HOME" | wc -l) $PIP_TIMEOUT ${{TRIMTAB_HOME:-none}}" >> {folder}/said',
        f"pwd >> {folder}/places",
        "test -f Makefile && touch $HOME/left",
    )
    assert len(list(measure_demo())) == 2
    assert [line.split() for line in (folder / "said").read_text().splitlines()] == [
        ["demo", "0", "7", "none"],
        ["demo", "1", "7", "none"],
    ]
    first, second = (folder / "places").read_text().split()
    assert first == second != str(ROOT)
    assert not Path(first).exists()


@needs_checkout
def test_what_a_demo_said_is_shown_when_it_fails(folder: Path) -> None:
    write_make(folder, f"pwd > {folder}/place", "echo the disk is full >&2", "exit 2")
    with pytest.raises(BenchFailed, match=r"make demo, cold ended with code 2.*\nthe disk is full"):
        list(measure_demo())
    assert not Path((folder / "place").read_text().strip()).exists()


@needs_checkout
def test_a_checkout_with_make_can_measure_its_demo(folder: Path) -> None:
    write_make(folder)
    require_demo()


def test_without_make_there_is_a_way_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BenchFailed, match=r"needs the program make.*--no-demo"):
        require_demo()
