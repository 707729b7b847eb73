"""A venue without markets that closes late, publishes trades late or repeats them, as told."""

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Literal

from rebalancer.account import AccountTrade, OpenOrder, VenueStatus
from rebalancer.balances import RawBalance
from rebalancer.credentials import KeyRights
from rebalancer.depth import RawBook
from rebalancer.gate import Conditions
from rebalancer.money import Symbol, bps_of
from rebalancer.orders import ClientOrderId, Order
from rebalancer.ports import Venue
from rebalancer.precision import RawRule
from rebalancer.queue import SendPermit
from rebalancer.quotes import RawTicker
from rebalancer.settlement import (
    Absent,
    Accepted,
    Fill,
    LookUp,
    NotSent,
    Refused,
    Submission,
    Unanswered,
)
from tests.factories import make_fill

Word = Literal["fills", "half", "nothing", "open", "silent", "lost", "refuses", "unreachable"]
FILLED_BPS = {"half": 5_000, "open": 5_000, "nothing": 0}


class SmallExchange(Venue):
    """Does with the n-th submit what the n-th of `words` says, and fills every one after them.

    "silent" takes and fills the order but does not answer; "lost" never gets it; "open" fills half
    at once and the rest by the time it is looked up; the first
    `late_reads` reads of trades come back with the last trade missing.
    """

    def __init__(
        self,
        words: Sequence[Word] = (),
        *,
        latency_ms: int | None = 10,
        late_reads: int = 0,
        silent_look_ups: int = 0,
    ) -> None:
        self._words = list(words)
        self._latency_ms = latency_ms
        self._late_reads = late_reads
        self._silent_look_ups = silent_look_ups
        self._sends: list[Order] = []
        self._open: set[ClientOrderId] = set()
        self._fills: dict[ClientOrderId, tuple[Fill, ...]] = {}

    @property
    def sends(self) -> tuple[Order, ...]:
        """Every order that reached it, in order: the same one twice would be a double order."""
        return tuple(self._sends)

    @property
    def taken(self) -> frozenset[ClientOrderId]:
        """Every order that it has on its own books; one that it refused is not there."""
        return frozenset(self._fills)

    def filled_base(self, client_order_id: ClientOrderId) -> Decimal:
        fills = self._fills.get(client_order_id, ())
        return sum((fill.amount_base for fill in fills), Decimal(0))

    async def fetch_rules(self, symbols: Collection[Symbol]) -> Sequence[RawRule]:
        raise AssertionError(f"no test asks this venue for the rules of {symbols}")

    async def fetch_tickers(self, symbols: Collection[Symbol]) -> Sequence[RawTicker]:
        raise AssertionError(f"no test asks this venue for the prices of {symbols}")

    async def fetch_balances(self) -> Sequence[RawBalance]:
        return ()

    async def submit(self, permit: SendPermit) -> Submission:
        order, word = permit.order, self._words.pop(0) if self._words else "fills"
        match word:
            case "unreachable":
                return NotSent(order, "connection refused", retry_after_ms=0)
            case "lost":
                return Unanswered(order, "timed out")
        self._sends.append(order)
        if word == "refuses":
            return Refused(order, "insufficient funds")
        self._take(order, FILLED_BPS.get(word, 10_000))
        if word == "open":
            self._open.add(order.client_order_id)
        if word == "silent":
            return Unanswered(order, "timed out")
        return self._answer(order, is_closed=word != "open")

    async def look_up(self, order: Order) -> LookUp:
        if self._silent_look_ups > 0:
            self._silent_look_ups -= 1
            return Unanswered(order, "timed out")
        if order.client_order_id in self._open:
            self._open.remove(order.client_order_id)
            self._take(order, 5_000)
        if order.client_order_id in self._fills:
            return self._answer(order, is_closed=True)
        return Absent(order)  # As real venues answer for an order that they refused, too.

    async def cancel(self, order: Order, venue_order_id: str | None) -> None:
        """Ends an open order as it stands."""
        assert venue_order_id in (None, f"v-{order.client_order_id}")
        self._open.discard(order.client_order_id)

    async def fetch_open_orders(self, symbols: Collection[Symbol]) -> tuple[OpenOrder, ...]:
        raise AssertionError(f"no test asks this venue for the open orders of {symbols}")

    async def fetch_account_trades(
        self, symbol: Symbol, *, since_ms: int
    ) -> tuple[AccountTrade, ...]:
        raise AssertionError(f"no test asks this venue for all trades of {symbol} since {since_ms}")

    async def fetch_book(self, symbol: Symbol, *, levels: int) -> RawBook:
        raise AssertionError(f"no test asks this venue for {levels} levels of {symbol}")

    async def fetch_status(self) -> VenueStatus:
        return VenueStatus.OPERATIONAL

    async def fetch_key_rights(self) -> KeyRights:
        return KeyRights(may_read=True, may_trade=True, may_withdraw=False, is_ip_bound=True)

    async def fetch_clock_skew_ms(self) -> int | None:
        return 0

    async def fetch_fills(self, order: Order, venue_order_id: str) -> tuple[Fill, ...]:
        assert venue_order_id == f"v-{order.client_order_id}"
        fills = self._fills[order.client_order_id]
        if self._late_reads > 0:
            self._late_reads -= 1
            return fills[:-1] * 2  # Pages of an answer may overlap.
        return fills

    async def probe(self) -> None:
        """Nothing to measure: the latency is given."""

    @property
    def conditions(self) -> Conditions:
        return Conditions(self._latency_ms)

    def _take(self, order: Order, filled_bps: int) -> None:
        filled = bps_of(order.amount_base, filled_bps)
        parts = [filled * 3 / 4, filled / 4] if filled else []
        before = self._fills.get(order.client_order_id, ())
        self._fills[order.client_order_id] = before + tuple(
            make_fill(order, f"{part:f}", trade_id=f"{order.client_order_id}-{index}")
            for index, part in enumerate(parts, start=len(before))
        )

    def _answer(self, order: Order, *, is_closed: bool) -> Accepted:
        filled = self.filled_base(order.client_order_id)
        return Accepted(order, f"v-{order.client_order_id}", is_closed, filled)
