"""Laws of the gate: expired before held, held before open, and urgency may only help."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from rebalancer.gate import (
    Conditions,
    GateExpired,
    GateHeld,
    GateOpen,
    GatePolicy,
    HoldReason,
    explain_hold,
    judge_conditions,
)
from rebalancer.orders import Order, OrderStyle
from rebalancer.queue import Claim
from tests.factories import NOW_MS, TENURE, make_book, make_order
from tests.property.strategies import usual

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
        assert verdict.reason == HoldReason.LATENCY
        assert "150 ms" in verdict.detail
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


def _judged(order: Order, conditions: Conditions, policy: GatePolicy) -> GateOpen | HoldReason:
    claim = Claim(order, TENURE, lease_until_ms=NOW_MS + 1, tries=0)
    verdict = judge_conditions(claim, conditions, policy, now_ms=NOW_MS)
    assert not isinstance(verdict, GateExpired)
    if isinstance(verdict, GateHeld):
        assert verdict.detail
        return verdict.reason
    return verdict


styles: st.SearchStrategy[OrderStyle] = st.sampled_from(["take", "post"])


@given(
    urgencies,
    styles,
    st.none() | st.integers(1, 300),
    st.none() | st.integers(1, 30_000),
    st.integers(1, 300),
    usual,
    st.integers(-1_000, 2_000),
)
def test_the_whole_truth_table_of_the_book(
    urgency: Decimal,
    style: OrderStyle,
    spread_max: int | None,
    cover_min: int | None,
    half_spread: int,
    depth: Decimal,
    age_ms: int,
) -> None:
    policy = replace(
        POLICY, spread_bps_max=spread_max, depth_cover_bps_min=cover_min, book_age_ms_max=1_000
    )
    bid, ask = 10_000 - half_spread, 10_000 + half_spread
    book = make_book(
        "BTC",
        [(str(bid), "1")],
        [(str(ask), str(depth)), ("50000.01", "1000000000")],
        observed_at_ms=NOW_MS - age_ms,
    )
    order = make_order(amount_base=Decimal(100_000), urgency=urgency, style=style)
    verdict = _judged(order, Conditions(20, book), policy)
    cover = Fraction(cover_min or 0, 10_000) * 100_000
    if style == "post" or (spread_max is None and cover_min is None):
        assert isinstance(verdict, GateOpen)
    elif age_ms > 1_000:
        assert verdict == HoldReason.NO_BOOK
    elif spread_max is not None and 2 * half_spread > spread_max:
        assert verdict == HoldReason.SPREAD
    elif depth < cover:
        assert verdict == HoldReason.DEPTH
    else:
        assert isinstance(verdict, GateOpen)


@given(urgencies, st.booleans())
def test_no_urgency_makes_up_for_a_book_that_cannot_be_read(
    urgency: Decimal, by_spread: bool
) -> None:
    by_depth = None if by_spread else 1
    policy = replace(
        POLICY, spread_bps_max=100 if by_spread else None, depth_cover_bps_min=by_depth
    )
    order = make_order(urgency=urgency)
    assert _judged(order, Conditions(20), policy) == HoldReason.NO_BOOK
    assert isinstance(_judged(replace(order, style="post"), Conditions(20), policy), GateOpen)
    assert isinstance(_judged(order, Conditions(20), POLICY), GateOpen)
