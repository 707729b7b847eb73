"""The laws of the paper exchange's matching engine, whatever the orders."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from rebalancer.money import exact
from services.paper_exchange import house
from services.paper_exchange.accounts import FEES, HOUSE, Ledger
from services.paper_exchange.engine import Engine
from services.paper_exchange.markets import built_in_markets
from services.paper_exchange.orders import Fill, NewOrder, Order, OrderType, Side, TimeInForce
from services.paper_exchange.prices import SyntheticPrices, Walk
from services.paper_exchange.refusals import Refusal

MARKET = built_in_markets()["SOLUSDC"]
MID = Decimal(148)
OWNERS = ("alice", "bob")
BALANCES = {"SOL": Decimal(300), "USDC": Decimal("45000.12345678")}


class Recorder:
    """Keeps which resting orders traded, in order."""

    def __init__(self) -> None:
        self.maker_ids: list[int] = []

    def reported(self, order: Order, event: str, fill: Fill | None) -> None:
        """Nothing to keep: the archive has it."""

    def feigned(self, order: Order, event: str) -> None:
        """Nothing to keep: no order is bent here."""

    def unveiled(self, order: Order) -> None:
        """Nothing to keep: no order is bent here."""

    def traded(self, maker_fill: Fill) -> None:
        self.maker_ids.append(maker_fill.order_id)


@dataclass
class World:
    """An engine with two users and the house, and what it held at the start."""

    recorder: Recorder = field(default_factory=Recorder)
    mid: Decimal = MID
    placed: int = 0

    def __post_init__(self) -> None:
        self.ledger = Ledger()
        self.ledger.open_account(HOUSE, {"SOL": Decimal(4000), "USDC": Decimal(500_000)})
        self.ledger.open_account(FEES, {})
        for owner in OWNERS:
            self.ledger.open_account(owner, BALANCES)
        self.engine = Engine(
            {MARKET.name: MARKET},
            self.ledger,
            maker_fee_bps=Decimal("7.5"),
            taker_fee_bps=Decimal(10),
            witness=self.recorder,
        )
        self.book = self.engine.books[MARKET.name]
        self.requote()
        self.totals = self.ledger.totals()

    def requote(self) -> None:
        with exact():
            house.requote(self.engine, MARKET, self.mid, 0)

    def place(self, wish: "Wish") -> Order | None:
        """The order, or None where the venue refuses it."""
        self.placed += 1
        with exact():
            try:
                return self.engine.place(wish.order(f"order-{self.placed}"), self.placed)
            except Refusal:
                return None

    def open_orders(self) -> list[Order]:
        return [*self.book.bids.orders(), *self.book.asks.orders()]

    def held(self) -> Mapping[tuple[str, str], Decimal]:
        """What the open orders hold back, per owner and asset."""
        sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for order in self.open_orders():
            asset, amount = order.locked
            sums[order.owner, asset] += amount
        return sums


@dataclass(frozen=True)
class Wish:
    """An order somebody may want; `price_ticks` counts from 148.00."""

    owner: str
    side: Side
    type: OrderType
    tif: TimeInForce
    price_ticks: int
    amount_steps: int
    amount_quote: Decimal

    def order(self, client_order_id: str) -> NewOrder:
        is_market = self.type is OrderType.MARKET
        by_quote = is_market and self.amount_quote > 0
        return NewOrder(
            self.owner,
            MARKET,
            self.side,
            self.type,
            TimeInForce.GTC if self.type is not OrderType.LIMIT else self.tif,
            client_order_id,
            price=Decimal(0) if is_market else MID + self.price_ticks * MARKET.price_step,
            amount_base=Decimal(0) if by_quote else self.amount_steps * MARKET.amount_step,
            amount_quote=self.amount_quote if by_quote else Decimal(0),
        )


wishes = st.builds(
    Wish,
    owner=st.sampled_from(OWNERS),
    side=st.sampled_from(Side),
    type=st.sampled_from(OrderType),
    tif=st.sampled_from(TimeInForce),
    price_ticks=st.integers(-60, 60),
    amount_steps=st.integers(4, 30_000),
    amount_quote=st.one_of(
        st.just(Decimal(0)), st.decimals("5", "40000", places=8, allow_nan=False)
    ),
)
cancels = st.integers(0, 50)
moves = st.decimals("-0.01", "0.01", places=5).map(lambda share: ("move", share))
acts = st.lists(st.one_of(wishes, cancels, moves), min_size=1, max_size=25)


def act(world: World, what: object) -> None:
    if isinstance(what, Wish):
        world.place(what)
    elif isinstance(what, int):
        mine = [order for order in world.open_orders() if order.owner != HOUSE]
        if mine:
            with exact():
                world.engine.cancel(mine[what % len(mine)], 0)
    elif isinstance(what, tuple):
        world.mid = world.mid * (1 + what[1])
        world.mid = world.mid.quantize(Decimal("0.0001"))
        world.requote()


@given(acts)
def test_no_asset_appears_or_vanishes_and_no_balance_is_negative(steps: list[object]) -> None:
    world = World()
    for step in steps:
        act(world, step)
        assert world.ledger.totals() == world.totals
        for owner in world.ledger.owners():
            for asset in world.ledger.assets(owner):
                assert world.ledger.free(owner, asset) >= 0
                assert world.ledger.locked(owner, asset) >= 0


@given(acts)
def test_what_is_locked_is_what_open_orders_need(steps: list[object]) -> None:
    world = World()
    for step in steps:
        act(world, step)
        held = world.held()
        for owner in world.ledger.owners():
            for asset in ("SOL", "USDC"):
                assert world.ledger.locked(owner, asset) == held.get((owner, asset), 0)


@given(acts)
def test_the_book_is_never_crossed_and_its_levels_add_up(steps: list[object]) -> None:
    world = World()
    for step in steps:
        act(world, step)
        bid, ask = world.book.bids.best(), world.book.asks.best()
        assert bid is None or ask is None or bid < ask
        for ladder in (world.book.bids, world.book.asks):
            sums: dict[Decimal, Decimal] = defaultdict(Decimal)
            for order in ladder.orders():
                assert order.left_base > 0
                sums[order.asked.price] += order.left_base
            assert dict(ladder.levels(1000)) == sums


@given(st.lists(wishes, max_size=12), wishes)
def test_the_best_price_trades_first_and_within_it_the_earliest(
    earlier: list[Wish], last: Wish
) -> None:
    world = World()
    for wish in earlier:
        world.place(wish)
    makers = world.book.side(bids=last.side is Side.SELL)
    queue = [(order.order_id, order.asked.price, order.created_at_ms) for order in makers.orders()]
    ranked = sorted(
        queue, key=lambda entry: (-entry[1] if last.side is Side.SELL else entry[1], entry[2])
    )
    assert [price for _, price, _ in queue] == [price for _, price, _ in ranked]
    world.recorder.maker_ids.clear()
    world.place(last)
    traded = world.recorder.maker_ids
    assert traded == [order_id for order_id, _, _ in queue][: len(traded)]


@given(wishes)
def test_no_order_trades_at_a_worse_price_or_for_more_than_it_named(wish: Wish) -> None:
    order = World().place(wish)
    if order is None:
        return
    for fill in order.fills:
        assert order.takes(fill.price)
        assert fill.amount_base % MARKET.amount_step == 0
        assert 0 <= fill.fee_amount <= fill.amount_quote
    if order.asked.amount_quote > 0:
        assert order.executed_quote <= order.asked.amount_quote
    else:
        assert order.executed_base <= order.asked.amount_base
    if order.asked.tif is TimeInForce.FOK:
        assert order.executed_base in (0, order.asked.amount_base)


@given(st.decimals("5", "40000", places=8, allow_nan=False))
def test_a_filled_quote_order_leaves_less_than_one_step(amount_quote: Decimal) -> None:
    wish = Wish("alice", Side.BUY, OrderType.MARKET, TimeInForce.GTC, 0, 4, amount_quote)
    world = World()
    order = world.place(wish)
    assert order is not None
    if order.status.value == "FILLED":
        worst = max(fill.price for fill in order.fills)
        assert order.left_quote < worst * MARKET.amount_step


@given(st.integers(0, 10**9), st.integers(0, 60), st.integers(0, 60))
def test_a_seed_and_a_tick_name_the_prices(seed: int, tick: int, later: int) -> None:
    straight = SyntheticPrices(seed).mids(tick)
    stepped = SyntheticPrices(seed)
    for step in range(tick):
        stepped.mids(step)
    assert stepped.mids(tick) == straight
    assert set(SyntheticPrices(seed).mids(tick + later)) == set(straight)


@given(st.text(max_size=8), st.integers(1, 5), st.lists(st.integers(0, 2000), max_size=20))
def test_a_walk_never_leaves_its_bounds(seed: str, bound: int, ticks: list[int]) -> None:
    walk = Walk(seed, bound_bps=Decimal(bound), stride_bps=Decimal("0.7"))
    for tick in sorted(ticks):
        assert abs(walk.advance(tick)) <= bound
