"""`trimtab drain`: what came of it, what still stops trading, and the exit code that says so.

Belongs here: telling a drain's end. A drain that found nothing to send may have found out that
nothing may be sent, and a program that calls us must learn it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rebalancer.controls import HaltKind, MaintenanceWindow, TradingHalt
from rebalancer.order_states import OrderState
from rebalancer.queue import QueueDepth
from resources.settings import Settings
from resources.system_clock import SystemClock
from resources.wiring import Stores
from services.cli.cycle import open_bench
from services.cli.failures import CommandFailed, Exit
from services.cli.halt_words import cure_of, halts_json, show_halts
from services.cli.maintenance import show_windows, window_json
from services.cli.terminal import counted, print_json, say, step

if TYPE_CHECKING:
    from pipelines.session_report import SessionReport


@dataclass(frozen=True, slots=True)
class Drained:
    """What one drain did, and how it left queue and controls."""

    report: "SessionReport"
    depth: QueueDepth
    halts: tuple[TradingHalt, ...]
    open_windows: tuple[MaintenanceWindow, ...]
    now_ms: int

    @property
    def left(self) -> str:
        """What is still in the queue; '' when nothing is."""
        if not (self.depth.waiting or self.depth.in_doubt):
            return ""
        return f"orders still waiting: {self.depth.waiting}, in doubt: {self.depth.in_doubt}"


def drain(*, as_json: bool, debug: bool) -> None:
    """Send what waits, until nothing does."""
    with open_bench(debug=debug) as bench:
        with step("gate, permit, send and settle"):
            report = bench.jobs.drain()
        drained = _look(report, bench.stores, bench.world.settings)
    if as_json:
        print_json(_json(drained))
    else:
        _show(drained)
    _judge(drained)


def _look(report: "SessionReport", stores: Stores, settings: Settings) -> Drained:
    now_ms = SystemClock().now_ms()
    return Drained(
        report=report,
        depth=stores.queue.depth(),
        halts=stores.controls.halts(),
        open_windows=tuple(
            one
            for one in stores.controls.windows()
            if one.ends_at_ms(now_ms) is not None
            and any(one.covers(name) for name in settings.venue_names())
        ),
        now_ms=now_ms,
    )


def _json(drained: Drained) -> dict[str, Any]:
    report = drained.report
    return {
        "left_because": report.left_because,
        "settled": {state.value: count for state, count in sorted(report.states.items())},
        "held": report.held,
        "last_hold": report.last_hold,
        "unsettled_answers": report.unsettled,
        "waiting": drained.depth.waiting,
        "in_doubt": drained.depth.in_doubt,
        "halts": halts_json(drained.halts),
        "maintenance": [window_json(one, drained.now_ms) for one in drained.open_windows],
    }


def _show(drained: Drained) -> None:
    report = drained.report
    told = [f"{count} {state.value}" for state, count in sorted(report.states.items())]
    settled = ", ".join(told).replace("_", " ") or "no order"
    say(f"Settled: {settled}. The session left because: {report.left_because}.")
    if report.last_hold:
        say(f"Held {counted(report.held, 'time')}; last: {report.last_hold}")
    if drained.halts or drained.open_windows:
        say("What stops trading now:")
    show_halts(drained.halts)
    if drained.open_windows:
        show_windows(drained.open_windows, drained.now_ms)


def _judge(drained: Drained) -> None:
    """Fail unless everything that waited went out. The gravest reason gives the exit code."""
    left = f"; {drained.left}" if drained.left else ""
    denied = [halt for halt in drained.halts if halt.kind is HaltKind.DENIED]
    if denied:
        told = "; ".join(f"{halt.scope}: {halt.reason}" for halt in denied)
        raise CommandFailed(
            f"nothing may be sent with this key: {told}. Mend it, see trimtab doctor, then "
            f"{cure_of(denied[0])}{left}",
            Exit.BAD_INPUT,
        )
    # Opened by the engine itself: the venue announces maintenance, or cannot be asked for its key.
    if shut := [one for one in drained.open_windows if one.is_announced]:
        told = "; ".join(f"venue {one.venue}: {one.note}" for one in shut)
        raise CommandFailed(
            f"nothing may be sent yet: {told.rstrip('.')}. trimtab drain asks again{left}",
            Exit.UNAVAILABLE,
        )
    if drained.left:
        raise CommandFailed(f"{drained.left}; trimtab status says more", Exit.GOAL_MISSED)
    expired = drained.report.states[OrderState.EXPIRED]
    if expired and drained.halts:
        raise CommandFailed(
            f"{counted(expired, 'order')} ended as expired and not sent, because of the halt "
            "above; the next cycle after it plans afresh",
            Exit.GOAL_MISSED,
        )
