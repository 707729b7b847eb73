"""Reading the account beside its balances, the book of a market, and the venue's own state.

Belongs here: one question each. Trades are in `ccxt_trades`, the key's rights in `ccxt_rights`.
"""

from collections.abc import Collection, Mapping
from typing import Any

from rebalancer.account import OpenOrder, VenueStatus
from rebalancer.depth import RawBook
from rebalancer.errors import BadData
from rebalancer.money import Symbol
from resources.ccxt_account_reading import raw_book, read_open_order, read_status, skew_ms
from resources.ccxt_errors import ancestry, is_no_such_page
from resources.ccxt_session import CcxtSession


async def fetch_open_orders(
    session: CcxtSession, symbols: Collection[Symbol]
) -> tuple[OpenOrder, ...]:
    """Every order of the account that may still fill in these markets.

    Raises:
        BadData: one cannot be read exactly, or there may be more of them than the venue tells.
    """
    listed = [symbol for symbol in symbols if str(symbol) in session.client.markets]
    found = []
    for symbol in listed:
        found += await _open_orders_of(session, symbol)
    return tuple(found)


async def _open_orders_of(session: CcxtSession, symbol: Symbol) -> list[OpenOrder]:
    spot = (session.client.features or {}).get("spot") or {}
    page_max: int | None = (spot.get("fetchOpenOrders") or {}).get("limit")
    rows = await session.ask(session.client.fetch_open_orders(str(symbol), None, page_max))
    if page_max is not None and len(rows) >= page_max:
        raise BadData(
            f"{symbol}: the venue tells {page_max} open orders at once and has perhaps more."
            " Cancel some of them"
        )
    return [read_open_order(symbol, row, session.dialect) for row in rows]


async def fetch_book(session: CcxtSession, symbol: Symbol, *, levels: int) -> RawBook:
    """The best levels of one market's book, stamped with our clock before the question."""
    observed_at_ms = session.clock.now_ms()
    book = await session.ask(session.client.fetch_order_book(str(symbol), levels))
    if not isinstance(book, Mapping):
        raise BadData(f"{symbol}: expected an order book, was {type(book).__name__}")
    return raw_book(symbol, book, levels=levels, observed_at_ms=observed_at_ms)


async def fetch_status(session: CcxtSession) -> VenueStatus:
    """What the venue announces of itself."""
    if session.client.has.get("fetchStatus") is not True:
        return VenueStatus.UNKNOWN
    try:
        return read_status(await session.ask(session.client.fetch_status()))
    except Exception as error:
        if "OnMaintenance" in ancestry(error):
            return VenueStatus.MAINTENANCE
        if is_no_such_page(error):
            return VenueStatus.UNKNOWN
        raise


async def fetch_clock_skew_ms(session: CcxtSession) -> int | None:
    """Venue time minus ours at the middle of the round trip; None where it tells no time."""
    if session.client.has.get("fetchTime") is not True:
        return None
    asked_at_ms = session.clock.now_ms()
    told: Any = await session.ask(session.client.fetch_time())
    if not isinstance(told, int) or isinstance(told, bool):
        raise BadData(f"expected the venue's time in milliseconds, was {told!r}")
    return skew_ms(told, (asked_at_ms + session.clock.now_ms()) // 2)
