"""Was anything sent that must not be? Halts, maintenance, the rate, the caps. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

from rebalancer.money import BPS_WHOLE, ZERO, bps_of, exact
from tests.chaos.facts import Booked, Caps, Evidence, Period, Sent, Trade, Verdict, Violation

DAY_MS = 86_400_000


def judge_silence(
    evidence: Evidence, periods: Sequence[Period], *, check: str, grace_ms: int
) -> Verdict:
    """Nothing arrives at the venue in any of these periods, once `grace_ms` of it are over.

    For halts (effective within a second) and for maintenance windows alike.
    """
    wrong = [
        Violation(
            send.client_order_id,
            f"arrived {send.received_at_ms - period.from_ms} ms into {period.what or check}"
            f" (line {send.seq})",
        )
        for send in _ours(evidence)
        for period in periods
        if period.from_ms + grace_ms <= send.received_at_ms
        and (period.to_ms is None or send.received_at_ms < period.to_ms)
    ]
    return Verdict(check, len(periods), tuple(wrong))


def judge_rate(evidence: Evidence, *, orders_per_second: int, windows_ms: Sequence[int]) -> Verdict:
    """No window, wherever it begins, holds more orders than the rate allows.

    Args:
        evidence: The run; each send counts at the instant the venue read it.
        orders_per_second: What the settings allow.
        windows_ms: The lengths to look at.
    """
    sends = sorted(_ours(evidence), key=lambda send: send.received_at_ms)
    wrong = []
    for length_ms in windows_ms:
        most = orders_per_second * length_ms // 1_000
        start = 0
        for index, send in enumerate(sends):
            while send.received_at_ms - sends[start].received_at_ms >= length_ms:
                start += 1
            if (count := index - start + 1) > most:
                what = f"{count} orders in {length_ms} ms, at most {most} allowed"
                wrong.append(Violation(send.client_order_id, f"{what} (line {send.seq})"))
    return Verdict("the rate holds in every window", len(sends), tuple(wrong))


def judge_caps(evidence: Evidence, caps: Caps) -> Verdict:
    """No order that was sent is beyond a cap."""
    sent = {send.client_order_id for send in _ours(evidence)}
    orders = [order for order in evidence.orders if order.client_order_id in sent]
    wrong = [
        Violation(order.client_order_id, why)
        for order in orders
        if (why := _beyond(order, caps)) is not None
    ]
    wrong += _crowded_cycles(orders, caps)
    wrong += _excess_turnover(evidence, caps)
    wrong += _excess_cycles(evidence, caps)
    wrong += _too_many_open(evidence, caps)
    return Verdict("no cap is passed", len(orders), tuple(wrong))


def _beyond(order: Booked, caps: Caps) -> str | None:
    with exact():
        worth = order.amount_base * order.limit_price_quote
        away = (order.limit_price_quote - order.arrival_mid_quote) * (
            1 if order.side == "buy" else -1
        )
        if caps.order_quote_max is not None and worth > caps.order_quote_max:
            return f"is worth {worth}, at most {caps.order_quote_max} allowed"
        collar = caps.collar_bps_max
        if collar is not None and away * BPS_WHOLE > collar * order.arrival_mid_quote:
            return f"limit {order.limit_price_quote} is over {collar} bps from its arrival mid"
    return None


def _crowded_cycles(orders: Sequence[Booked], caps: Caps) -> list[Violation]:
    if caps.orders_per_cycle_max is None:
        return []
    count = Counter((order.portfolio, order.cycle_id) for order in orders if order.follows is None)
    return [
        Violation(cycle, f"{portfolio}: {number} orders in one cycle")
        for (portfolio, cycle), number in count.items()
        if number > caps.orders_per_cycle_max
    ]


def _excess_turnover(evidence: Evidence, caps: Caps) -> list[Violation]:
    """A cap is for its day, by UTC: a storm may go on over midnight."""
    sent_at_ms = {send.client_order_id: send.acted_at_ms for send in _ours(evidence)}
    wrong = []
    for cap in caps.turnover:
        today_ms = cap.to_ms // DAY_MS * DAY_MS
        until = {
            order_id for order_id, at_ms in sent_at_ms.items() if today_ms <= at_ms <= cap.to_ms
        }
        traded = _worth(trade for trade in evidence.trades if trade.client_order_id in until)
        if traded > cap.quote_max:
            what = f"{traded} traded, at most {cap.quote_max} allowed until {cap.to_ms}"
            wrong.append(Violation("turnover", what))
    return wrong


def _excess_cycles(evidence: Evidence, caps: Caps) -> list[Violation]:
    if caps.cycle_share_bps_max is None:
        return []
    cycle_of = {order.client_order_id: order.cycle_id for order in evidence.orders}
    traded: dict[str, list[Trade]] = defaultdict(list)
    for trade in evidence.trades:
        if cycle_id := cycle_of.get(trade.client_order_id):
            traded[cycle_id].append(trade)
    wrong = []
    for cycle_id, value_quote in evidence.cycle_value_quote.items():
        most, worth = bps_of(value_quote, caps.cycle_share_bps_max), _worth(traded[cycle_id])
        if worth > most:
            wrong.append(Violation(cycle_id, f"traded {worth} of at most {most}"))
    return wrong


def _worth(trades: Iterable[Trade]) -> Decimal:
    with exact():
        return sum((trade.amount_base * trade.price_quote for trade in trades), ZERO)


def _too_many_open(evidence: Evidence, caps: Caps) -> list[Violation]:
    if caps.open_orders_max is None:
        return []
    ended = {end.client_order_id: end.seq for end in evidence.ends}
    steps: list[tuple[int, int, str]] = []
    for send in _ours(evidence):
        if send.is_acted:
            steps.append((send.seq, 1, send.client_order_id))
            until = max(ended.get(send.client_order_id, send.seq), send.seq)
            steps.append((until, -1, send.client_order_id))
    count, wrong = 0, []
    for _, change, order_id in sorted(steps, key=lambda step: (step[0], -step[1])):
        count += change
        if change > 0 and count > caps.open_orders_max:
            wrong.append(Violation(order_id, f"is open beside {count - 1} others"))
    return wrong


def _ours(evidence: Evidence) -> list[Sent]:
    return [send for send in evidence.sent if not send.is_foreign]
