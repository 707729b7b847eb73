"""Venue through ccxt: any exchange it knows. The only module that imports ccxt.

Belongs here: asking, and keeping count of how long answers take. What answers mean is in
`ccxt_reading`, what errors mean in `ccxt_errors`, how venues name things in `ccxt_dialects`.
"""

import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from typing import Any, Self, TypeVar

from rebalancer.account import AccountTrade, OpenOrder, VenueStatus
from rebalancer.balances import RawBalance
from rebalancer.credentials import KeyRights
from rebalancer.depth import RawBook
from rebalancer.errors import BadConfig
from rebalancer.gate import Conditions
from rebalancer.money import Symbol
from rebalancer.orders import Order, VenueName
from rebalancer.ports import Clock, Venue
from rebalancer.precision import RawRule
from rebalancer.queue import SendPermit
from rebalancer.quotes import RawTicker
from rebalancer.settlement import Fill, LookUp, Submission
from rebalancer.venue_tap import VenueTap
from resources import ccxt_account, ccxt_orders, ccxt_rights, ccxt_trades
from resources.ccxt_client import exact_class, prepare
from resources.ccxt_market_reading import is_tradable, raw_rule, raw_ticker
from resources.ccxt_reading import listed_balances, raw_balances
from resources.ccxt_session import CcxtSession

Answer = TypeVar("Answer")
_NEEDED = ("createOrder", "fetchBalance", "fetchMyTrades")


@dataclass(frozen=True, slots=True)
class CcxtOptions:
    """Which exchange, where, and as whom. An address of None is the exchange's own."""

    exchange: str
    rest_url: str | None = None
    ws_url: str | None = None
    api_key: str = field(default="", repr=False)
    api_secret: str = field(default="", repr=False)
    passphrase: str = field(default="", repr=False)
    timeout_ms: int = 10_000

    def __post_init__(self) -> None:
        assert self.timeout_ms > 0, self.timeout_ms

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(text for text in (self.api_key, self.api_secret, self.passphrase) if text)


def make_client(options: CcxtOptions) -> Any:
    """Make the one ccxt client of a venue. It opens no connection yet.

    Raises:
        BadConfig: ccxt has no such exchange, or one that we could not trade on safely.
    """
    # Loads all hundred exchanges, 0.7 s: paid by those that trade, not by those that import us.
    import ccxt.async_support

    if options.exchange not in ccxt.async_support.exchanges:
        near = get_close_matches(options.exchange, ccxt.async_support.exchanges) or ["binance"]
        raise BadConfig(
            f"exchange: expected a ccxt id, was {options.exchange!r}; did you mean"
            f" {' or '.join(near)}?"
        )
    log = logging.getLogger("resources.ccxt_venue.client")
    # At DEBUG ccxt logs every request with its key and signature.
    log.setLevel(logging.WARNING)
    client = exact_class(getattr(ccxt.async_support, options.exchange))(
        {
            "apiKey": options.api_key,
            "secret": options.api_secret,
            "password": options.passphrase,
            "timeout": options.timeout_ms,
            "enableRateLimit": False,
            "logger": log,
        }
    )
    if missing := _missing_abilities(client, ccxt.async_support.TICK_SIZE):
        raise BadConfig(
            f"exchange {options.exchange!r} is not supported yet: {', '.join(missing)}. Choose"
            " another exchange for this venue"
        )
    prepare(client, options.rest_url, options.ws_url)
    return client


def _missing_abilities(client: Any, tick_size: int) -> list[str]:
    """What a venue must offer before an order of ours could be sent, booked and bounded."""
    missing = [f"it has no {name}" for name in _NEEDED if client.has.get(name) is not True]
    if client.precisionMode != tick_size:
        missing.append("its precision is in significant digits, not in steps")
    spot = (client.features or {}).get("spot") or {}
    allowed = (spot.get("createOrder") or {}).get("timeInForce") or {}
    # Such a venue ignores the word and leaves the order standing.
    if allowed.get("IOC") is False:
        missing.append("it has no immediate-or-cancel orders")
    return missing


class CcxtVenue(Venue):
    """One account at one exchange. Use as `async with`, or call `aclose`; one event loop only."""

    def __init__(self, name: VenueName, options: CcxtOptions, clock: Clock, tap: VenueTap) -> None:
        try:
            client = make_client(options)
        except BadConfig as error:
            raise BadConfig(f"venues.{name}.{error}") from None
        self._session = CcxtSession(
            client, name=name, clock=clock, tap=tap, secrets=options.secrets
        )

    async def __aenter__(self) -> Self:
        self._session.client.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections. Closing twice changes nothing."""
        await self._session.client.close()

    @property
    def conditions(self) -> Conditions:
        return Conditions(self._session.latency.round_trip_ms)

    async def fetch_rules(self, symbols: Collection[Symbol]) -> Sequence[RawRule]:
        async def read() -> Sequence[RawRule]:
            observed_at_ms = self._session.clock.now_ms()
            await self._session.load_markets(reload=True)
            return [
                raw_rule(symbol, market, observed_at_ms)
                for symbol, market in self._tradable(symbols).items()
            ]

        return await self._session.read("reading market rules", read)

    async def fetch_tickers(self, symbols: Collection[Symbol]) -> Sequence[RawTicker]:
        async def read() -> Sequence[RawTicker]:
            await self._session.load_markets()
            known = {str(symbol): symbol for symbol in self._tradable(symbols)}
            return [
                raw_ticker(known[row["symbol"]], row, observed_at_ms)
                for row, observed_at_ms in await self._ask_tickers(list(known))
                if row["symbol"] in known
            ]

        return await self._session.read("reading tickers", read)

    async def fetch_balances(self) -> Sequence[RawBalance]:
        async def read() -> Sequence[RawBalance]:
            await self._session.load_markets()
            client, field = self._session.client, self._session.dialect.balances_field
            observed_at_ms = self._session.clock.now_ms()
            account = await self._session.ask(client.fetch_balance())
            if field is None:
                return raw_balances(account, observed_at_ms)
            rows = account["info"].get(field)
            return listed_balances(rows, client.safe_currency_code, observed_at_ms)

        return await self._session.read("reading balances", read)

    async def submit(self, permit: SendPermit) -> Submission:
        return await ccxt_orders.submit(self._session, permit)

    async def look_up(self, order: Order) -> LookUp:
        return await ccxt_orders.look_up(self._session, order)

    async def cancel(self, order: Order, venue_order_id: str | None) -> None:
        await ccxt_orders.cancel(self._session, order, venue_order_id)

    async def fetch_fills(self, order: Order, venue_order_id: str) -> tuple[Fill, ...]:
        return await self._read("reading trades", ccxt_trades.fetch_fills, order, venue_order_id)

    async def fetch_open_orders(self, symbols: Collection[Symbol]) -> tuple[OpenOrder, ...]:
        return await self._read("reading open orders", ccxt_account.fetch_open_orders, symbols)

    async def fetch_account_trades(
        self, symbol: Symbol, *, since_ms: int
    ) -> tuple[AccountTrade, ...]:
        question = partial(ccxt_trades.fetch_account_trades, symbol=symbol, since_ms=since_ms)
        return await self._read("reading the account's trades", question)

    async def fetch_book(self, symbol: Symbol, *, levels: int) -> RawBook:
        assert levels > 0, levels
        question = partial(ccxt_account.fetch_book, symbol=symbol, levels=levels)
        return await self._read("reading the order book", question)

    async def fetch_status(self) -> VenueStatus:
        question = partial(ccxt_account.fetch_status, self._session)
        return await self._session.read("reading the venue's status", question)

    async def fetch_key_rights(self) -> KeyRights:
        question = partial(ccxt_rights.fetch_key_rights, self._session)
        return await self._session.read("reading the rights of the key", question)

    async def fetch_clock_skew_ms(self) -> int | None:
        question = partial(ccxt_account.fetch_clock_skew_ms, self._session)
        return await self._session.read("reading the venue's clock", question)

    async def probe(self) -> None:
        client = self._session.client
        try:
            # Had at hand before the first order: orders that waited for it would leave together.
            await self._session.load_markets()
            if client.has.get("fetchTime") is True:
                await self._session.ask(client.fetch_time())
            elif client.has.get("fetchStatus") is True:
                await self._session.ask(client.fetch_status())
            else:
                await self._session.ask(client.fetch_ticker(next(iter(client.markets))))
        except Exception as error:
            client.logger.debug("probe failed: %s", self._session.explain(error))

    async def _read(
        self, doing: str, question: Callable[..., Awaitable[Answer]], *about: object
    ) -> Answer:
        """Answer a read that needs to know the venue's markets."""

        async def read() -> Answer:
            await self._session.load_markets()
            return await question(self._session, *about)

        return await self._session.read(doing, read)

    def _tradable(self, symbols: Collection[Symbol]) -> dict[Symbol, Any]:
        markets = self._session.client.markets
        found = {symbol: markets.get(str(symbol)) for symbol in symbols}
        return {symbol: market for symbol, market in found.items() if is_tradable(market)}

    async def _ask_tickers(self, names: list[str]) -> list[tuple[Any, int]]:
        """Ticker rows, each with our clock before its question: never fresher than it is."""
        session = self._session
        observed_at_ms = session.clock.now_ms()
        if not names:
            return []
        if session.client.has.get("fetchTickers") is True:
            found = await session.ask(session.client.fetch_tickers(names))
            rows = found.values() if isinstance(found, dict) else found
            return [(row, observed_at_ms) for row in rows]
        asked = []
        for name in names:
            observed_at_ms = session.clock.now_ms()
            asked.append((await session.ask(session.client.fetch_ticker(name)), observed_at_ms))
        return asked
