"""Every method of every port is a step, and a fuse ends a real process exactly there."""

import inspect
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rebalancer.desk import Desk
from rebalancer.ledger import Ledger
from rebalancer.ports import Alarm, Clock, OrderQueue, TradingControls, Venue
from tests.chaos.proxies import all_steps, ports_of

MORTAL = """
import sys
from pathlib import Path
from tests.chaos.proxies import Fuse, Step, over_fuse
from tests.fakes.clock import FakeClock
from tests.fakes.queue import FakeQueue

log, method, when, nth, is_fresh, delay_ms = sys.argv[1:]
step = Step("OrderQueue", method, when)
fresh = frozenset([step] if is_fresh == "fresh" else [])
fuse = Fuse(Path(log), fresh, step, nth=int(nth), delay_ms=int(delay_ms))
queue = over_fuse(FakeQueue(clock=FakeClock()), fuse)
for _ in range(3):
    print("called", flush=True)
    queue.depth()
    print("answered", flush=True)
"""


def live(
    tmp_path: Path, method: str, when: str, *, nth: int = 1, fresh: str = "", delay_ms: int = 0
) -> tuple[int, list[str], list[str]]:
    """How a process ends that asks three times, what it said, and the deaths it wrote down."""
    log = tmp_path / "deaths"
    words = [str(log), method, when, str(nth), fresh, str(delay_ms)]
    ended = subprocess.run(
        [sys.executable, "-c", MORTAL, *words], capture_output=True, text=True, check=False
    )
    assert not ended.stderr, ended.stderr
    deaths = [json.loads(line)["step"] for line in log.read_text().splitlines()]
    return ended.returncode, ended.stdout.split(), deaths


def test_every_port_of_a_desk_has_steps_and_its_clock_has_none() -> None:
    assert set(ports_of(Desk)) >= {OrderQueue, TradingControls, Ledger, Venue, Alarm, Clock}
    assert {step.port for step in all_steps()} >= {"OrderQueue", "Ledger", "Venue"}
    assert not [step for step in all_steps() if step.port == "Clock"]


def test_every_abstract_method_is_a_step_before_and_after() -> None:
    steps = {(step.method, step.when) for step in all_steps() if step.port == "OrderQueue"}
    wanted = {
        name
        for name in OrderQueue.__abstractmethods__
        if inspect.isfunction(getattr(OrderQueue, name))
    }
    assert steps == {(name, when) for name in wanted for when in ("before", "after")}


def test_a_property_is_no_step() -> None:
    assert "conditions" in Venue.__abstractmethods__
    assert not [step for step in all_steps() if step.method == "conditions"]


@pytest.mark.parametrize(
    ("when", "said"),
    [("before", ["called"]), ("after", ["called"])],
)
def test_the_process_is_killed_before_or_after_the_call(
    tmp_path: Path, when: str, said: list[str]
) -> None:
    code, words, deaths = live(tmp_path, "depth", when)
    assert (code, words) == (-signal.SIGKILL, said)
    assert deaths == [f"{when} OrderQueue.depth"]


@pytest.mark.parametrize(("fresh", "answered"), [("", 2), ("fresh", 0)])
def test_a_step_waits_for_its_nth_call_unless_nobody_died_there_yet(
    tmp_path: Path, fresh: str, answered: int
) -> None:
    code, words, _ = live(tmp_path, "depth", "before", nth=3, fresh=fresh)
    assert (code, words.count("answered")) == (-signal.SIGKILL, answered)


def test_a_step_that_is_not_reached_kills_nobody(tmp_path: Path) -> None:
    code, words, deaths = live(tmp_path, "enqueue", "before")
    assert (code, words.count("answered"), deaths) == (0, 3, [])


def test_a_fuse_is_not_armed_before_its_time(tmp_path: Path) -> None:
    assert live(tmp_path, "depth", "before", delay_ms=60_000)[0] == 0
