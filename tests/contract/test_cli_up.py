"""`trimtab up`: everything runs, and one signal ends it all."""

import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import psutil
import pytest

from resources.embedded import running_servers
from tests.contract.cli import command, environment
from tests.contract.places import LOOPBACK, places_of, workers_of

END_SECONDS = 60
JOBS = "{ repositoriesOrError { ... on RepositoryConnection { nodes { jobs { name } } } } }"


@contextmanager
def running(home: Path, *starter: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """`trimtab up` on paper, with the address of its UI."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    with subprocess.Popen(
        [*starter, *command("up")],
        env=environment(TRIMTAB_HOME=home, TRIMTAB_UI_PORT=port),
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        assert line.startswith("Dagster UI"), process.stderr.read()
        try:
            yield process, line.split()[-1]
        finally:
            process.terminate()


def children_of(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def test_up_serves_our_jobs_on_loopback_alone_and_one_ctrl_c_ends_everything(
    tmp_path: Path,
) -> None:
    with running(tmp_path) as (process, ui):
        question = Request(f"{ui}/graphql", json.dumps({"query": JOBS}).encode())
        question.add_header("Content-Type", "application/json")
        with urlopen(question, timeout=30) as answer:
            (location,) = json.load(answer)["data"]["repositoriesOrError"]["nodes"]
        names = {job["name"] for job in location["jobs"]}
        assert names >= {"sync_precision", "rebalance", "drain_orders"}
        children = children_of(process)
        assert len(children) >= 4
        places = places_of([psutil.Process(process.pid), *children, *workers_of(tmp_path)])
        assert len(places) >= 4
        assert {address for address, _ in places} <= LOOPBACK
        process.send_signal(signal.SIGINT)
        assert process.wait(END_SECONDS) == 0
        _, alive = psutil.wait_procs(children, timeout=END_SECONDS)
        assert alive == []


@pytest.mark.slow
def test_a_background_job_of_a_script_ends_on_sigterm(tmp_path: Path) -> None:
    with running(tmp_path, "sh", "-c", 'trap "" INT; exec "$@"', "sh") as (process, _):
        children = children_of(process)
        process.terminate()
        assert process.wait(END_SECONDS) == 0
        _, alive = psutil.wait_procs(children, timeout=END_SECONDS)
        assert alive == []


@pytest.mark.slow
@pytest.mark.chaos
def test_a_child_that_dies_ends_it_all_and_is_named(tmp_path: Path) -> None:
    with running(tmp_path) as (process, _):
        children = children_of(process)
        paper = next(child for child in children if "services.paper_exchange" in child.cmdline())
        paper.kill()
        assert process.wait(END_SECONDS) == 3
        assert process.stderr is not None
        said = process.stderr.read()
        assert "paper exchange ended with code -9" in said
        assert "Traceback" not in said
        _, alive = psutil.wait_procs(children, timeout=END_SECONDS)
        assert alive == []


@pytest.mark.slow
@pytest.mark.chaos
def test_children_do_not_outlive_an_up_that_is_killed(tmp_path: Path) -> None:
    with running(tmp_path) as (process, _):
        children = children_of(process)
        process.kill()
        process.wait(END_SECONDS)
        _, alive = psutil.wait_procs(children, timeout=END_SECONDS)
        assert alive == []
    with running_servers(tmp_path / "demo"):
        pass  # They outlive a killed user on purpose; the next one out stops them.
