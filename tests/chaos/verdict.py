"""All checks of a run, with the limits it ran under."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tests.chaos.diary import Diary
from tests.chaos.facts import Caps, Evidence, Period, TurnoverCap, Verdict, Violation
from tests.chaos.faults import FREEZING
from tests.chaos.judge import (
    judge_agreement,
    judge_doubled,
    judge_ends,
    judge_history,
    judge_known,
    judge_live_at_venue,
    judge_live_on_books,
    judge_residuals,
)
from tests.chaos.judge_limits import judge_caps, judge_rate, judge_silence
from tests.chaos.judge_money import judge_balances, judge_convergence, judge_fills
from tests.chaos.plan import Plan
from tests.chaos.world import (
    BAND_BPS,
    CYCLE_SHARE_BPS_MAX,
    OPEN_ORDERS_MAX,
    ORDER_QUOTE_MAX,
    ORDERS_MAX,
    REACH_BPS,
)

CYCLES_MAX = 8
HALT_GRACE_MS = 1_000
RATE_WINDOWS_MS = (1_000, 10_000, 60_000)


@dataclass(frozen=True, slots=True)
class Held:
    """What the run was bound by, and when."""

    periods: Sequence[Period]
    turnover: Sequence[TurnoverCap]
    freezes: Mapping[str, int]
    faults_fired: Mapping[str, int]


def judge_run(
    plan: Plan, held: Held, diary: Diary, evidence: Evidence, cycles: int
) -> tuple[Verdict, ...]:
    """Every check there is, in the order in which a reader asks."""
    silent = {
        what: [period for period in held.periods if period.what == what]
        for what in ("halt", "maintenance", "freeze")
    }
    caps = Caps(
        orders_per_cycle_max=ORDERS_MAX,
        collar_bps_max=Decimal(REACH_BPS),
        order_quote_max=Decimal(ORDER_QUOTE_MAX),
        open_orders_max=OPEN_ORDERS_MAX,
        cycle_share_bps_max=CYCLE_SHARE_BPS_MAX,
        turnover=tuple(held.turnover),
    )
    return (
        judge_ends(evidence),
        judge_history(evidence),
        judge_agreement(evidence),
        judge_known(evidence),
        judge_doubled(evidence),
        judge_live_at_venue(evidence),
        judge_live_on_books(evidence),
        judge_residuals(evidence),
        judge_silence(
            evidence, silent["halt"], check="nothing during a halt", grace_ms=HALT_GRACE_MS
        ),
        judge_silence(
            evidence,
            silent["maintenance"],
            check="nothing in maintenance",
            grace_ms=HALT_GRACE_MS,
        ),
        judge_silence(
            evidence, silent["freeze"], check="nothing while frozen", grace_ms=HALT_GRACE_MS
        ),
        judge_freezes(held.freezes, held.faults_fired),
        judge_rate(
            evidence,
            orders_per_second=plan.rate,
            windows_ms=RATE_WINDOWS_MS,
        ),
        judge_caps(evidence, caps),
        judge_fills(evidence),
        judge_balances(evidence),
        judge_convergence(diary.drift_bps, band_bps=BAND_BPS, cycles=cycles, cycles_max=CYCLES_MAX),
    )


def judge_freezes(freezes: Mapping[str, int], faults_fired: Mapping[str, int]) -> Verdict:
    """Nobody is called for nothing: a freeze has a cause outside the engine."""
    count = sum(freezes.values())
    caused = any(faults_fired.get(kind) for kind in FREEZING)
    wrong = () if caused else tuple(Violation("portfolio", what) for what in freezes)
    return Verdict("no freeze without a cause", count, wrong)
