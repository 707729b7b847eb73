"""Do the books agree with the only witness? Pure functions from evidence to verdicts.

Belongs here: lost, doubled, terminal states, one live order a leg. Limits are in `judge_limits`,
money in `judge_money`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal

from rebalancer.money import ZERO, exact
from tests.chaos.facts import Booked, Evidence, Sent, Verdict, Violation

UNFINISHED = frozenset({"planned", "awaiting_approval", "queued", "in_doubt", "open"})
FILLED = frozenset({"filled", "partially_filled"})


def judge_ends(evidence: Evidence) -> Verdict:
    """Every order on the books has ended, and nothing of it waits in the queue."""
    wrong = []
    for order in evidence.orders:
        if order.state in UNFINISHED:
            wrong.append(_at(order, f"has no end: it stands as {order.state}"))
        if order.client_order_id in evidence.queued_ids:
            wrong.append(_at(order, f"is {order.state} on the books and still in the queue"))
    known = {order.client_order_id for order in evidence.orders}
    wrong += [
        Violation(order_id, "is in the queue and not on the books")
        for order_id in sorted(evidence.queued_ids - known)
    ]
    return Verdict("every order has an end", len(evidence.orders), tuple(wrong))


def judge_history(evidence: Evidence) -> Verdict:
    """The history of an order holds one end, the one on the books, and nothing after it."""
    ends: dict[str, list[tuple[int, str]]] = defaultdict(list)
    last: dict[str, int] = {}
    for event in evidence.history:
        last[event.client_order_id] = max(last.get(event.client_order_id, 0), event.at_ms)
        if event.state not in UNFINISHED:
            ends[event.client_order_id].append((event.at_ms, event.state))
    for found in ends.values():
        found.sort()
    wrong = []
    for order in evidence.orders:
        found = ends[order.client_order_id]
        wanted = [] if order.state in UNFINISHED else [order.state]
        # What the venue did after an end is a second one, and never told in silence.
        told = found[-1:] if order.contradiction else found
        if [state for _, state in told] != wanted:
            wrong.append(_at(order, f"is {order.state}, its history ends in {found}"))
        elif told and last[order.client_order_id] > told[0][0]:
            wrong.append(_at(order, f"ended at {told[0][0]} and went on afterwards"))
    return Verdict("one end in its history", len(evidence.orders), tuple(wrong))


def judge_agreement(evidence: Evidence) -> Verdict:
    """What the books say became of an order is what the journal shows."""
    acted = {send.client_order_id: send for send in evidence.sent if send.is_acted}
    executed = executed_by_order(evidence)
    wrong = []
    for order in evidence.orders:
        if order.state not in UNFINISHED:
            send = acted.get(order.client_order_id)
            filled = executed.get(order.client_order_id, ZERO)
            if why := _disagreement(order, send, filled):
                wrong.append(_at(order, why))
    return Verdict("its end agrees with the journal", len(evidence.orders), tuple(wrong))


def judge_known(evidence: Evidence) -> Verdict:
    """Whatever the venue acted on for us stands on the books."""
    known = {order.client_order_id for order in evidence.orders}
    acted = [send for send in evidence.sent if send.is_acted and not send.is_foreign]
    wrong = [
        Violation(send.client_order_id, f"was acted on (line {send.seq}), the books never saw it")
        for send in acted
        if send.client_order_id not in known
    ]
    return Verdict("what the venue took is on the books", len(acted), tuple(wrong))


def judge_doubled(evidence: Evidence) -> Verdict:
    """No client id is acted on twice, nor sent again once it was acted on."""
    acted: Counter[str] = Counter()
    wrong = []
    for send in sorted(evidence.sent, key=lambda send: send.seq):
        if acted[send.client_order_id]:
            how = "acted on twice" if send.is_acted else "sent again after it was acted on"
            wrong.append(Violation(send.client_order_id, f"{how} (line {send.seq})"))
        acted[send.client_order_id] += send.is_acted
    return Verdict("no id is sent again once taken", len(evidence.sent), tuple(wrong))


def judge_live_at_venue(evidence: Evidence) -> Verdict:
    """No leg has two live orders at the venue at one time, by the journal's own order."""
    legs = {order.client_order_id: (order.portfolio, order.symbol) for order in evidence.orders}
    ends = {end.client_order_id: end.seq for end in evidence.ends}
    # A journal that tells of ends tells of all of them: one without is live to this day.
    never = max((send.seq for send in evidence.sent), default=0) + 1
    first = {}
    for trade in sorted(evidence.trades, key=lambda trade: -trade.seq):
        first[trade.client_order_id] = trade.seq
    spans: dict[tuple[str, str], list[tuple[int, int, str]]] = defaultdict(list)
    acted = [
        send
        for send in evidence.sent
        if send.is_acted and send.client_order_id in legs and not send.is_foreign
    ]
    for send in acted:
        begun = min(send.seq, first.get(send.client_order_id) or send.seq)
        ended = ends.get(send.client_order_id, never if ends else send.seq)
        spans[legs[send.client_order_id]].append((begun, ended, send.client_order_id))
    return Verdict("one live order a leg, at the venue", len(acted), _overlaps(spans))


def judge_live_on_books(evidence: Evidence) -> Verdict:
    """No order of a leg reaches the venue before the one sent before it is settled.

    What was told after an end, as a contradiction, does not make that order live again; and one
    that somebody else placed is ours from its adoption on.
    """
    first_end: dict[str, int] = {}
    first_known: dict[str, int] = {}
    for event in sorted(evidence.history, key=lambda event: -event.at_ms):
        first_known[event.client_order_id] = event.at_ms
        if event.state not in UNFINISHED:
            first_end[event.client_order_id] = event.at_ms
    rows = {order.client_order_id: order for order in evidence.orders}
    spans: dict[tuple[str, str], list[tuple[int, int, str]]] = defaultdict(list)
    looked_at = 0
    for order_id, sends in _by_order(evidence.sent).items():
        if (row := rows.get(order_id)) and row.settled_at_ms is not None:
            looked_at += 1
            begun = min(send.received_at_ms for send in sends)
            if sends[0].is_foreign:
                begun = max(begun, first_known.get(order_id, begun))
            told_at_ms = first_end.get(order_id) if row.contradiction else None
            settled_at_ms = told_at_ms or row.settled_at_ms
            spans[row.portfolio, row.symbol].append((begun, settled_at_ms, order_id))
    return Verdict("one unsettled order a leg, by the books", looked_at, _overlaps(spans))


def judge_residuals(evidence: Evidence) -> Verdict:
    """An order that follows asks, with its rest, for no more than the leg had left."""
    rows = {order.client_order_id: order for order in evidence.orders}
    rests = [order for order in evidence.orders if order.follows is not None]
    wrong = []
    for rest in rests:
        parent = rows.get(rest.follows or "")
        with exact():
            left = parent.leg_rest_base + parent.amount_base if parent else ZERO
            left -= parent.filled_base if parent and not parent.contradiction else ZERO
            asked = rest.amount_base + rest.leg_rest_base
        if asked > left:
            wrong.append(_at(rest, f"asks for {asked} in all, {left} was left"))
    return Verdict("a follower asks for what was left", len(rests), tuple(wrong))


def executed_by_order(evidence: Evidence) -> Mapping[str, Decimal]:
    """What the venue's trades sum up to, by client order id."""
    executed: dict[str, Decimal] = {}
    with exact():
        for trade in evidence.trades:
            before = executed.get(trade.client_order_id, ZERO)
            executed[trade.client_order_id] = before + trade.amount_base
    return executed


def _disagreement(order: Booked, send: Sent | None, executed: Decimal) -> str | None:
    if order.filled_base != executed:
        return f"books hold {order.filled_base} filled, the journal {executed} ({order.state})"
    if order.state in FILLED and executed == 0:
        return f"is {order.state}, the journal has no trade of it"
    must_be_taken = order.state in FILLED or order.state == "unfilled"
    never_taken = order.state in {"expired", "refused", "not_found", "denied"}
    if must_be_taken and send is None:
        return f"is {order.state}, the venue never took it"
    if never_taken and send is not None:
        return f"is {order.state}, the venue took it (line {send.seq})"
    if must_be_taken and send and send.venue_order_id not in (None, order.venue_order_id):
        return f"is {order.venue_order_id} on the books, {send.venue_order_id} at the venue"
    return None


def _overlaps(spans: Mapping[tuple[str, str], list[tuple[int, int, str]]]) -> tuple[Violation, ...]:
    wrong = []
    for (portfolio, symbol), found in spans.items():
        busy_until, holder = -1, ""
        for begun, ended, order_id in sorted(found):
            if begun < busy_until:
                what = f"began at {begun} while {holder} lived until {busy_until}"
                wrong.append(Violation(order_id, f"{portfolio} {symbol}: {what}"))
            if ended > busy_until:
                busy_until, holder = ended, order_id
    return tuple(wrong)


def _by_order(sent: Iterable[Sent]) -> Mapping[str, list[Sent]]:
    grouped: dict[str, list[Sent]] = defaultdict(list)
    for send in sent:
        grouped[send.client_order_id].append(send)
    return grouped


def _at(order: Booked, what: str) -> Violation:
    return Violation(order.client_order_id, what)
