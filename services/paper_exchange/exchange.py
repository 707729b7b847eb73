"""The whole exchange as one object, without sockets: prices in, requests in, answers out.

Belongs here: building the parts from the options, the price tick, and the state that control
requests change.
Does not belong here: HTTP and WebSocket (`app`, `sockets`), the endpoints (`rest`, `signed`).
"""

import time
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from rebalancer.money import exact, floor_to_step
from services.paper_exchange import house
from services.paper_exchange.accounts import FEES, HOUSE, Ledger
from services.paper_exchange.engine import Engine
from services.paper_exchange.faults import FaultPanel
from services.paper_exchange.hub import Hub
from services.paper_exchange.journal import Journal
from services.paper_exchange.journal_witness import JournalWitness
from services.paper_exchange.limits import Limits
from services.paper_exchange.markets import (
    Market,
    built_in_markets,
    keep_priced,
    recorded_markets,
)
from services.paper_exchange.options import PaperOptions, PaperRefused
from services.paper_exchange.prices import PriceSource, SyntheticPrices
from services.paper_exchange.replay import ReplayPrices, read_candles
from services.paper_exchange.user_stream import UserStream
from services.paper_exchange.witness import Witnesses

USER = "user"
PRICE_STEP_FINEST = Decimal(1).scaleb(-12)
SHIFT_MAX = Decimal(10) ** 6
BPS_WHOLE = Decimal(10_000)

WallClock = Callable[[], int]


def wall_clock_ms() -> int:
    """The one place of this program that reads the wall clock."""
    return time.time_ns() // 1_000_000


class Exchange:
    """One paper exchange.

    Attributes:
        overlays: Ticker fields that control requests put over the real ones, per symbol.
        latency_ms: Time every request takes.
        faults: What goes wrong on purpose.
        doors_closed: Whoever is connected has been cut off and nobody new gets in.
        is_stopping: Nothing may be waited for any more.
    """

    def __init__(self, options: PaperOptions, clock: WallClock = wall_clock_ms) -> None:
        self.options = options
        self.clock = clock
        self.source = _make_source(options)
        self.markets = _make_markets(options, self.source)
        self.journal = Journal(options.journal)
        self.limits = Limits(options)
        self.hub = Hub()
        self.overlays: dict[str, dict[str, Any]] = {}
        self.latency_ms = options.latency_ms
        self.faults = FaultPanel()
        self.doors_closed = False
        self.is_stopping = False
        self.tick = 0
        self._shifts: dict[str, Decimal] = {}
        self._client_ids = 0
        self.ledger = Ledger()
        self.users = UserStream(self.hub, self.ledger, USER, clock)
        self.engine = Engine(
            self.markets,
            self.ledger,
            maker_fee_bps=options.maker_fee_bps,
            taker_fee_bps=options.taker_fee_bps,
            witness=Witnesses(JournalWitness(self.journal), self.users),
            # Ids go on where an earlier run left off: a client's books outlive the exchange.
            last_id=clock(),
        )
        self._mids: dict[str, Decimal] = {}
        self._quoted_id: dict[str, int] = {}
        self._open_accounts()
        for name in self.advance(0):
            self.requote(name)

    def advance(self, tick: int) -> list[str]:
        """Take the prices of `tick`; answer the symbols whose house quotes are now out of place."""
        self.tick = tick
        self._mids.update(self.source.mids(tick))
        return [name for name in self.markets if self._is_out_of_place(name)]

    def requote(self, name: str) -> None:
        """Move the house's quotes of one market to its price; one indivisible act."""
        with exact():
            house.requote(self.engine, self.markets[name], self.mid(name), self.clock())
        self._quoted_id[name] = self.engine.books[name].update_id
        self._mids_quoted[name] = self.mid(name)

    def mid(self, name: str) -> Decimal:
        """The price of a market, with what control requests moved it by."""
        with exact():
            shifted = self._mids[name] * self._shifts.get(name, Decimal(1))
            return max(floor_to_step(shifted, PRICE_STEP_FINEST), PRICE_STEP_FINEST)

    def shift_price(self, name: str, bps: Decimal) -> None:
        """Move one market's price by `bps`, for good.

        Raises:
            ValueError: It would leave every bound.
        """
        with exact():
            moved = self._shifts.get(name, Decimal(1)) * (1 + bps / BPS_WHOLE)
            factor = floor_to_step(moved, PRICE_STEP_FINEST)
        if not 1 / SHIFT_MAX <= factor <= SHIFT_MAX:
            raise ValueError(
                f'"bps": expected {name} within {SHIFT_MAX} times of its own price, was {bps} from'
                f" {self._shifts.get(name, 1)} times; move it back towards it"
            )
        self._shifts[name] = factor
        self.requote(name)

    def overlaid(self, name: str, ticker: dict[str, Any]) -> dict[str, Any]:
        """A ticker with the fields control requests put over it; null removes a field."""
        over = {key: v for key, v in self.overlays.get(name, {}).items() if key in ticker}
        return {key: v for key, v in (ticker | over).items() if v is not None}

    def unveil_due(self) -> None:
        """Tell what was hidden for long enough."""
        with exact():
            self.engine.unveil_due(self.clock())

    def is_silent(self) -> bool:
        """Whether open sockets are to say nothing."""
        return self.faults.standing("silent_sockets", self.clock()) is not None

    def next_client_id(self) -> str:
        self._client_ids += 1
        return f"paper-{self._client_ids:016d}"

    def accounts(self) -> Iterator[tuple[str, Mapping[str, tuple[Decimal, Decimal]]]]:
        """Every account's (free, locked) per asset."""
        for owner in self.ledger.owners():
            yield (
                owner,
                {
                    asset: (self.ledger.free(owner, asset), self.ledger.locked(owner, asset))
                    for asset in self.ledger.assets(owner)
                },
            )

    def _is_out_of_place(self, name: str) -> bool:
        moved = self._mids_quoted.get(name) != self.mid(name)
        return moved or self._quoted_id.get(name) != self.engine.books[name].update_id

    def _open_accounts(self) -> None:
        self._mids_quoted: dict[str, Decimal] = {}
        with exact():
            stock = house.stock(self.markets, self.source.mids(0))
        assets = dict.fromkeys([*stock, *self.options.balances], Decimal(0))
        self.ledger.open_account(HOUSE, stock)
        self.ledger.open_account(FEES, {})
        self.ledger.open_account(USER, {**assets, **self.options.balances})


def _make_source(options: PaperOptions) -> PriceSource:
    if options.replay is None:
        return SyntheticPrices(options.seed)
    candles = read_candles(options.replay)
    return ReplayPrices(candles, speed=options.speed, tick_ms=options.tick_ms, start=options.start)


def _make_markets(options: PaperOptions, source: PriceSource) -> dict[str, Market]:
    if options.exchange_info is None:
        rules, origin = built_in_markets(), "the built-in rules"
    else:
        rules, origin = recorded_markets(options.exchange_info), str(options.exchange_info)
    markets = keep_priced(rules, source.symbols())
    if not markets:
        raise PaperRefused(
            f"{origin}: expected rules for at least one of {', '.join(source.symbols())},"
            " found none; give --exchange-info a recording that has these symbols"
        )
    return markets
