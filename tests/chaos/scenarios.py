"""What an operator, or a disaster, does to the whole engine while it runs.

Belongs here: acts that change what may be sent. Each does its act, lets the run go on, undoes it,
and returns the periods in which nothing, or only so much, may have been sent.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from rebalancer.errors import RebalancerError
from rebalancer.orders import PortfolioName
from resources.settings_file import load_settings
from resources.wiring import open_queue
from tests.chaos.commands import now_ms, run_command
from tests.chaos.facts import Period, TurnoverCap
from tests.chaos.world import PORTFOLIO, VENUE, World, read_urls, write_settings

HOLD_SECONDS = 2.5
SQUEEZE_QUOTE = 20_000
Tend = Callable[[], None]
Held = Sequence[Period | TurnoverCap]


class Stage:
    """What a scenario may do: keep the run going, or bring every worker down."""

    def __init__(self, world: World, tend: Tend, kill_all: Callable[[], None]) -> None:
        self.world, self.tend, self.kill_all = world, tend, kill_all

    def command(self, *words: str) -> str:
        return run_command(self.world, self.tend, *words)

    def go_on(self, seconds: float = HOLD_SECONDS) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.tend()
            time.sleep(0.01)


Scenario = Callable[[Stage], Held]


def halt_for_a_while(stage: Stage) -> Held:
    """`trimtab halt`, some seconds of work, `trimtab resume`."""
    halted = json.loads(stage.command("halt", "--reason", "chaos", "--json"))
    # From the instant at which the person asked; one second later it must hold everywhere.
    from_ms = round(datetime.fromisoformat(halted["halt"]["at"]).timestamp() * 1_000)
    stage.go_on()
    to_ms = now_ms()
    stage.command("resume", "--yes", "--json")
    return [Period(from_ms, to_ms, "halt")]


def maintain_for_a_while(stage: Stage) -> Held:
    """A maintenance window of the venue, beginning now, and taken back early."""
    begins = datetime.now(UTC).isoformat()
    words = ("--venue", VENUE, "--at", begins, "--for", "1h", "--json")
    added = json.loads(stage.command("maintenance", "add", *words))
    from_ms = now_ms()
    stage.go_on()
    to_ms = now_ms()
    stage.command("maintenance", "remove", added["id"], "--json")
    return [Period(from_ms, to_ms, "maintenance")]


def wipe_redis(stage: Stage) -> Held:
    """Redis loses everything it ever held, under the hands of everybody."""
    stage.world.ask_redis("FLUSHALL")
    stage.tend()
    return []


def lose_redis(stage: Stage) -> Held:
    """Redis is killed, and its disk is gone when it starts again."""
    stage.world.lose_redis()
    stage.tend()
    return []


def squeeze_turnover(stage: Stage) -> Held:
    """The cap on a day's turnover is lowered to little more than was traded, and raised again."""
    stage.kill_all()
    try:
        traded = _turnover_quote(stage.world)
    except RebalancerError:
        # A queue that lost its data does not tell until somebody has recovered it.
        return []
    most = int(traded) + SQUEEZE_QUOTE
    write_settings(stage.world, turnover_quote_max=most)
    stage.go_on(2 * HOLD_SECONDS)
    # Whatever was sent under the old cap is over before somebody trades under the next.
    stage.kill_all()
    to_ms = now_ms()
    write_settings(stage.world)
    return [TurnoverCap(to_ms, Decimal(most))]


def _turnover_quote(world: World) -> Decimal:
    settings, urls = load_settings(world.settings_file), read_urls(world.urls_file)
    with open_queue(settings, urls.redis_url) as queue:
        return queue.turnover_quote(PortfolioName(PORTFOLIO))


SCENARIOS: Mapping[str, Scenario] = {
    "halt": halt_for_a_while,
    "wipe_redis": wipe_redis,
    "maintenance": maintain_for_a_while,
    "lose_redis": lose_redis,
    "squeeze": squeeze_turnover,
}
