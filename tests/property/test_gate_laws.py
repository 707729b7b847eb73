"""Laws of the gate: expired before held, held before open, and urgency may only help."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from rebalancer.gate import (
    Conditions,
    GateExpired,
    GateHeld,
    GateOpen,
    GatePolicy,
    explain_hold,
    judge_conditions,
)
from rebalancer.queue import Claim
from tests.factories import NOW_MS, TENURE, make_order

POLICY = GatePolicy(latency_ms_max=150, urgency_override=Decimal("0.8"), hold_ms=250)

latencies = st.none() | st.sampled_from([0, 149, 150, 151, 9_999]) | st.integers(0, 400)
urgencies = st.sampled_from([Decimal(text) for text in ("0", "0.799999", "0.8", "0.800001", "1")])
waits_ms = st.sampled_from([-1, 0, 1, 10_000]) | st.integers(-100, 10_000)


@given(latencies, urgencies, waits_ms, waits_ms)
def test_the_whole_truth_table_of_the_gate(
    latency_ms: int | None, urgency: Decimal, left_ms: int, lease_ms: int
) -> None:
    order = replace(make_order(), urgency=urgency, expires_at_ms=NOW_MS + left_ms)
    claim = Claim(order, TENURE, lease_until_ms=NOW_MS + lease_ms, tries=0)
    verdict = judge_conditions(claim, Conditions(latency_ms), POLICY, now_ms=NOW_MS)
    is_slow = latency_ms is None or latency_ms > 150
    if left_ms <= 0:
        assert verdict == GateExpired(claim)
    elif is_slow and urgency < Decimal("0.8"):
        assert isinstance(verdict, GateHeld)
        assert (verdict.claim, verdict.retry_after_ms) == (claim, 250)
        assert "150 ms" in verdict.reason
    else:
        assert verdict == GateOpen(claim, valid_until_ms=NOW_MS + min(left_ms, lease_ms))


@given(latencies, latencies, urgencies, urgencies)
def test_a_faster_venue_or_a_more_urgent_order_is_never_held_longer(
    one_ms: int | None, other_ms: int | None, one: Decimal, other: Decimal
) -> None:
    def is_open(latency_ms: int | None, urgency: Decimal) -> bool:
        return explain_hold(Conditions(latency_ms), POLICY, urgency=urgency) is None

    known = [latency_ms for latency_ms in (one_ms, other_ms) if latency_ms is not None]
    fast = min(known, default=None)
    slow = None if None in (one_ms, other_ms) else max(known)
    assert is_open(fast, max(one, other)) >= is_open(slow, min(one, other))
