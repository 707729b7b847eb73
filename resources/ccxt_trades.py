"""Reading trades, page by page, until there are no more: those of one order, those of the account.

Belongs here: how the next page is asked for. Venues differ in how many trades a page holds and in
whether it begins with the oldest or the newest, so nothing here depends on either.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rebalancer.account import AccountTrade
from rebalancer.errors import BadData
from rebalancer.money import Symbol
from rebalancer.orders import Order
from rebalancer.settlement import Fill
from resources.ccxt_account_reading import read_account_trade
from resources.ccxt_dialects import TRADES_PAGE
from resources.ccxt_reading import read_fill
from resources.ccxt_session import CcxtSession

TRADES_PAGES_MAX = 20
ACCOUNT_PAGES_MAX = 60
"""Account trades are told in up to two questions a page, so they may take more of them."""
CLOCK_SLACK_MS = 60_000
"""How far the venue's clock may be from ours before a trade or an order is overlooked."""
_DAY_MS = 86_400_000
_SECOND_MS = 1_000


async def fetch_fills(session: CcxtSession, order: Order, venue_order_id: str) -> tuple[Fill, ...]:
    """Every trade of one order, page by page.

    Raises:
        BadData: a trade cannot be read exactly, or there are more than 20 pages.
    """
    field = session.dialect.trades_field
    since_ms = None if field else order.planned_at_ms - CLOCK_SLACK_MS
    position = since_ms, {field: venue_order_id} if field else {}
    seen: dict[str, Mapping[str, Any]] = {}
    for _ in range(TRADES_PAGES_MAX):
        page = await session.ask(
            session.client.fetch_my_trades(str(order.symbol), position[0], TRADES_PAGE, position[1])
        )
        fresh = {str(trade["id"]): trade for trade in page if str(trade["id"]) not in seen}
        seen |= fresh
        following = _after(session, position, page)
        if not fresh or (field and len(page) < TRADES_PAGE) or following == position:
            ours = [trade for trade in seen.values() if str(trade["order"]) == venue_order_id]
            return tuple(read_fill(order, trade) for trade in ours)
        position = following
    raise BadData(f"{order.client_order_id}: more than {TRADES_PAGES_MAX * TRADES_PAGE} trades")


def _after(
    session: CcxtSession, position: tuple[int | None, dict[str, Any]], page: Sequence[Any]
) -> tuple[int | None, dict[str, Any]]:
    """Where the page after this one begins: behind its last trade, or at that trade's time."""
    if not page:
        return position
    since_ms, params = position
    if field := session.dialect.next_trade_field:
        return since_ms, params | {field: int(page[-1]["id"]) + 1}
    return page[-1]["timestamp"], params


@dataclass(frozen=True, slots=True)
class _Question:
    """One page of the account's trades: by time, behind a trade already read, or by offset."""

    since_ms: int | None
    until_ms: int | None = None
    params: Mapping[str, int] = field(default_factory=dict)


async def fetch_account_trades(
    session: CcxtSession, symbol: Symbol, *, since_ms: int
) -> tuple[AccountTrade, ...]:
    """Every trade of the account in one market since a time, the earliest first.

    Raises:
        BadData: a trade cannot be read exactly or is told in two ways, or there are more of them
            than can be read in bounds.
    """
    waiting = _first_questions(session, since_ms)
    seen: dict[tuple[str, str, str], AccountTrade] = {}
    for _ in range(ACCOUNT_PAGES_MAX):
        if not waiting:
            ours = [trade for trade in seen.values() if trade.filled_at_ms >= since_ms]
            return tuple(sorted(ours, key=lambda trade: (trade.filled_at_ms, trade.trade_id)))
        question = waiting.pop()
        page = await _ask(session, symbol, question)
        is_fresh = _add(seen, [t for t in page if t.get("symbol") in (None, str(symbol))])
        waiting += _following(session, question, page, is_fresh=is_fresh)
    raise BadData(
        f"{symbol}: more than {ACCOUNT_PAGES_MAX} pages of trades since {since_ms}; ask from a"
        " later time on"
    )


def _first_questions(session: CcxtSession, since_ms: int) -> list[_Question]:
    """One question, or one for each stretch of time as long as the venue answers at once."""
    dialect, stretch_days = session.dialect, _told(session).get("untilDays")
    if dialect.next_trade_field or dialect.trades_offset_field or not stretch_days:
        return [_Question(since_ms)]
    end_ms = max(since_ms, session.clock.now_ms() + CLOCK_SLACK_MS)
    # One second less, because the end of a question is rounded up to a second.
    stretch_ms = int(stretch_days) * _DAY_MS - _SECOND_MS
    starts_ms = range(since_ms, end_ms + 1, stretch_ms)
    if len(starts_ms) > ACCOUNT_PAGES_MAX:
        raise BadData(f"trades since {since_ms}: too long ago; ask from a later time on")
    return [_Question(start_ms, min(start_ms + stretch_ms, end_ms)) for start_ms in starts_ms]


async def _ask(session: CcxtSession, symbol: Symbol, question: _Question) -> Sequence[Any]:
    params = dict(question.params)
    if question.until_ms is not None:
        # Some venues count in seconds: an end cut down to one would hide what came after it.
        params["until"] = (question.until_ms // _SECOND_MS + 1) * _SECOND_MS
    # An offset counts the trades of every market, so the client must not leave any out.
    name = None if session.dialect.trades_offset_field else str(symbol)
    page: Sequence[Any] = await session.ask(
        session.client.fetch_my_trades(name, question.since_ms, _page_length(session), params)
    )
    return page


def _add(seen: dict[tuple[str, str, str], AccountTrade], page: Sequence[Any]) -> bool:
    """Keep trades not seen before; say whether there was one. Raises BadData."""
    count = len(seen)
    for trade in map(read_account_trade, page):
        # A trade with oneself has one id and two sides.
        key = trade.trade_id, trade.venue_order_id, trade.side
        if seen.setdefault(key, trade) != trade:
            raise BadData(f"trade {trade.trade_id} is told in two ways: {seen[key]} and {trade}")
    return len(seen) > count


def _following(
    session: CcxtSession, question: _Question, page: Sequence[Any], *, is_fresh: bool
) -> list[_Question]:
    """What is still to ask after one page."""
    is_full = len(page) >= _page_length(session)
    if name := session.dialect.next_trade_field:
        last_id = max((int(trade["id"]) for trade in page), default=0)
        return [_Question(None, params={name: last_id + 1})] if is_full else []
    if name := session.dialect.trades_offset_field:
        skipped = question.params.get(name, 0) + len(page)
        return [replace(question, params={name: skipped})] if page else []
    if not is_fresh:
        if is_full:
            raise BadData(f"more trades at one time than a page of {len(page)} holds: {question}")
        return []
    first_ms, last_ms = (end(trade["timestamp"] for trade in page) for end in (min, max))
    if question.until_ms is None:
        return [_Question(last_ms)]
    # A page may hold the first or the last of its time, so both ends are asked for again.
    return [_Question(question.since_ms, first_ms), _Question(last_ms, question.until_ms)]


def _page_length(session: CcxtSession) -> int:
    return _told(session).get("limit") or TRADES_PAGE


def _told(session: CcxtSession) -> Mapping[str, Any]:
    """What the client knows of this venue's list of trades."""
    spot = (session.client.features or {}).get("spot") or {}
    return spot.get("fetchMyTrades") or {}
