"""What the laws are tried on: numbers, rules, quotes and whole portfolios, the odd ones first."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from hypothesis import strategies as st

from rebalancer.balances import Balance
from rebalancer.depth import Book, Level
from rebalancer.drift import Drift, TargetWeights, measure_drift
from rebalancer.money import (
    BPS_WHOLE,
    DIGITS_MAX,
    ONE,
    ZERO,
    Asset,
    Symbol,
    bps_of,
    ceil_to_step,
    to_decimal,
)
from rebalancer.plan import PlanContext, RebalancePolicy
from rebalancer.precision import MarketRule
from rebalancer.quotes import Quote
from rebalancer.snapshot import Snapshot, take_snapshot
from tests.factories import (
    CASH,
    FRESHNESS,
    NOW_MS,
    make_context,
    make_policy,
    make_quote,
    make_rule,
)

BASES = ("ADA", "BNB", "BTC", "DOGE", "ETH", "LINK", "PEPE", "SHIB", "SOL", "XRP")

odd_steps = st.sampled_from(
    [
        Decimal(text)
        for text in ("0.02", "0.05", "0.25", "0.0005", "0.03", "1", "3", "5", "7", "100")
    ]
)
ten_steps = st.integers(0, DIGITS_MAX).map(lambda places: Decimal(1).scaleb(-places))
steps = odd_steps | ten_steps


def written(whole: int, places: int) -> st.SearchStrategy[Decimal]:
    """Numbers > 0 with up to so many digits before the point and exactly so many behind it."""
    most = 10 ** (whole + places) - 1
    return st.integers(1, most).map(lambda digits: to_decimal(f"{digits}E-{places}"))


usual = written(6, 8)
dust = written(0, 24) | written(0, 18) | st.just(Decimal("1E-24"))
huge = written(24, 0) | written(24, 24)
positive = usual | dust | huge
amounts = positive | st.just(Decimal(0))
signed = amounts | positive.map(lambda number: number.copy_negate())
usual_or_none = usual | st.just(Decimal(0))
some_or_none = st.just(Decimal(0)) | written(2, 4) | written(7, 2)
market_prices = written(5, 2) | written(0, 8) | st.sampled_from([Decimal("0.00000731"), Decimal(3)])

near_prices = st.integers(9_900, 10_100).map(lambda bps: bps_of(ONE, bps))


@dataclass(frozen=True)
class World:
    """A fresh snapshot, its targets, and the drift that follows from both."""

    snapshot: Snapshot
    targets: TargetWeights

    @property
    def drifts(self) -> tuple[Drift, ...]:
        return measure_drift(self.snapshot, self.targets)


@st.composite
def quotes(draw: st.DrawFn, base: str, *, mids: st.SearchStrategy[Decimal], spread: int) -> Quote:
    """A quote around a mid, its half-spread up to `spread` bps of it."""
    bid, half = draw(mids), draw(st.integers(0, spread))
    ask = ceil_to_step(bps_of(bid, BPS_WHOLE + 2 * half), Decimal("1E-12")) if half else bid
    return make_quote(base, "1", bid_quote=bid, ask_quote=ask, last_quote=bid)


@st.composite
def rules(draw: st.DrawFn, base: str) -> MarketRule:
    """A market's rules: steps that are not powers of ten, minima below a step, small maxima."""
    step = draw(odd_steps | st.integers(0, 12).map(lambda places: Decimal(1).scaleb(-places)))
    return make_rule(
        base,
        amount_base_step=step,
        amount_base_min=draw(st.just(Decimal(0)) | st.just(step / 3) | written(2, 5)),
        amount_base_max=draw(st.none() | written(4, 6)),
        price_quote_step=draw(st.just(Decimal("1E-8")) | st.sampled_from([step, Decimal("0.05")])),
        notional_quote_min=draw(st.sampled_from([Decimal(0), Decimal(5), Decimal("10.5")])),
    )


def fine_rule(base: str) -> MarketRule:
    """Rules so fine that they stop no leg a portfolio of any size would trade."""
    tiny, zero = Decimal("1E-18"), Decimal(0)
    return make_rule(
        base,
        amount_base_step=tiny,
        amount_base_min=zero,
        price_quote_step=tiny,
        notional_quote_min=zero,
    )


def fine_rules(base: str) -> st.SearchStrategy[MarketRule]:
    return st.just(fine_rule(base))


@st.composite
def weights(
    draw: st.DrawFn, assets: tuple[Asset, ...], *, cash_bps: int | None = None
) -> TargetWeights:
    """Whole bps that sum to 10_000, many of them zero; the first asset may have a fixed share."""
    free, whole = (assets, BPS_WHOLE) if cash_bps is None else (assets[1:], BPS_WHOLE - cash_bps)
    cuts = st.lists(st.integers(0, whole), min_size=len(free) - 1, max_size=len(free) - 1)
    edges = [0, *sorted(draw(cuts)), whole]
    shares = [high - low for low, high in pairwise(edges)]
    weight_bps = dict(zip(free, draw(st.permutations(shares)), strict=True))
    return TargetWeights(weight_bps if cash_bps is None else {assets[0]: cash_bps, **weight_bps})


@st.composite
def worlds(
    draw: st.DrawFn,
    *,
    rule_of: Callable[[str], st.SearchStrategy[MarketRule]] = rules,
    mids: st.SearchStrategy[Decimal] = market_prices,
    holdings: st.SearchStrategy[Decimal] = usual_or_none,
    locked: st.SearchStrategy[Decimal] = some_or_none,
    spread: int = 100,
) -> World:
    """A portfolio of 1 to 6 assets and cash, worth something; an account may not list an asset."""
    bases = draw(st.lists(st.sampled_from(BASES), min_size=1, max_size=6, unique=True))
    symbols = [Symbol(Asset(base), CASH) for base in bases]
    assets = (CASH, *(symbol.base for symbol in symbols))
    balances = {asset: Balance(asset, draw(holdings), draw(locked), NOW_MS) for asset in assets}
    if all(balance.total == 0 for balance in balances.values()):
        balances[CASH] = Balance(CASH, Decimal(1_000), Decimal(0), NOW_MS)
    snapshot = take_snapshot(
        {symbol: draw(rule_of(symbol.base)) for symbol in symbols},
        {symbol: draw(quotes(symbol.base, mids=mids, spread=spread)) for symbol in symbols},
        {asset: held for asset, held in balances.items() if held.total > 0 or draw(st.booleans())},
        symbols=symbols,
        cash=CASH,
        now_ms=NOW_MS,
        freshness=FRESHNESS,
    )
    return World(snapshot, draw(weights(assets)))


@st.composite
def policies(draw: st.DrawFn) -> RebalancePolicy:
    return make_policy(
        drift_bps_min=draw(st.integers(1, 1_000) | st.sampled_from([1, 200, BPS_WHOLE - 1])),
        destination_bps=draw(st.integers(0, BPS_WHOLE) | st.sampled_from([0, 5_000, BPS_WHOLE])),
        reach_bps_max=draw(st.integers(0, 200) | st.just(BPS_WHOLE - 1)),
        taker_fee_bps=draw(st.integers(0, 100) | st.just(BPS_WHOLE - 1)),
        orders_max=draw(st.integers(1, 8)),
        depth_share_bps_max=draw(st.none() | st.integers(1, BPS_WHOLE)),
        slices_max=draw(st.integers(1, 10)),
        post_spread_bps_min=draw(st.none() | st.integers(1, 200)),
    )


@st.composite
def books(draw: st.DrawFn, base: str) -> Book:
    """A sound book of a few levels, thin or deep: around 1, as in `near_worlds`, or anywhere."""
    level = st.tuples(near_prices | market_prices, usual | dust)
    levels = draw(st.lists(level, min_size=2, max_size=5, unique_by=lambda pair: pair[0]))
    levels.sort()
    cut = draw(st.integers(1, len(levels) - 1))
    sides = [Level(price, amount) for price, amount in levels]
    return Book(Symbol(Asset(base), CASH), tuple(reversed(sides[:cut])), tuple(sides[cut:]), NOW_MS)


@st.composite
def contexts(draw: st.DrawFn) -> PlanContext:
    """Up to two live orders that may still spend cash, and books of some symbols."""
    symbols = st.sampled_from([Symbol(Asset(base), CASH) for base in BASES])
    seen = draw(st.just([]) | st.lists(st.sampled_from(BASES), max_size=6, unique=True))
    return make_context(
        busy=draw(st.just({}) | st.dictionaries(symbols, st.just(ZERO) | usual, max_size=2)),
        books={Symbol(Asset(base), CASH): draw(books(base)) for base in seen},
    )


@st.composite
def near_worlds(draw: st.DrawFn) -> World:
    """A portfolio worth 10_000 at prices of 1, a few hundred bps off its targets at most."""
    bases = draw(st.lists(st.sampled_from(BASES), min_size=1, max_size=5, unique=True))
    assets = (CASH, *(Asset(base) for base in bases))
    targets = draw(weights(assets, cash_bps=draw(st.none() | st.sampled_from([0, 1, 50, 150]))))
    held = dict(targets.weight_bps)
    moves = st.tuples(st.sampled_from(assets), st.sampled_from(assets), st.integers(1, 450))
    for giver, taker, units in draw(st.lists(moves, max_size=6)):
        moved = min(units, held[giver])
        held[giver] -= moved
        held[taker] += moved
    return near_world(held, targets.weight_bps)


def near_world(held: Mapping[Asset, int], weight_bps: Mapping[Asset, int]) -> World:
    """The portfolio that holds so many units of each asset, at prices of 1 and finest rules."""
    symbols = [Symbol(asset, CASH) for asset in held if asset != CASH]
    return World(
        take_snapshot(
            {symbol: fine_rule(symbol.base) for symbol in symbols},
            {symbol: make_quote(symbol.base, "1") for symbol in symbols},
            {asset: Balance(asset, Decimal(held[asset]), Decimal(0), NOW_MS) for asset in held},
            symbols=symbols,
            cash=CASH,
            now_ms=NOW_MS,
            freshness=FRESHNESS,
        ),
        TargetWeights(weight_bps),
    )
