"""One consistent look at the venue. Holding a Snapshot is the proof that it was fresh and whole."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

from rebalancer.balances import Balance
from rebalancer.errors import StaleInput, UnknownMarket, UnpricedAsset
from rebalancer.money import ONE, ZERO, Asset, Symbol, exact
from rebalancer.precision import MarketRule
from rebalancer.quotes import Quote

CLOCK_SKEW_MS_MAX = 1_000
"""How far ahead of our clock an observation may be stamped before it is refused."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """The oldest inputs that may still decide a trade."""

    quote_age_ms_max: int
    balance_age_ms_max: int
    rules_age_ms_max: int

    def __post_init__(self) -> None:
        assert self.quote_age_ms_max > 0, self
        assert self.balance_age_ms_max > 0, self
        assert self.rules_age_ms_max >= self.quote_age_ms_max, self


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Rules, quotes and balances seen together. Made only by `take_snapshot`."""

    cash: Asset
    rules: Mapping[Symbol, MarketRule]
    quotes: Mapping[Symbol, Quote]
    balances: Mapping[Asset, Balance]
    taken_at_ms: int

    def price_quote(self, asset: Asset) -> Decimal:
        """Mid price of `asset` in cash; 1 for cash itself."""
        return ONE if asset == self.cash else self.quotes[Symbol(asset, self.cash)].mid_quote

    def value_quote(self, asset: Asset) -> Decimal:
        """Free plus locked holdings of `asset`, valued at mid, in cash."""
        if asset not in self.balances:
            return ZERO
        with exact():
            return self.balances[asset].total * self.price_quote(asset)

    def free_base(self, asset: Asset) -> Decimal:
        """What may be traded of `asset` now, in its own units."""
        return self.balances[asset].free if asset in self.balances else ZERO


def take_snapshot(
    rules: Mapping[Symbol, MarketRule],
    quotes: Mapping[Symbol, Quote],
    balances: Mapping[Asset, Balance],
    *,
    symbols: Collection[Symbol],
    cash: Asset,
    now_ms: int,
    freshness: Freshness,
) -> Snapshot:
    """Join what was read into one Snapshot, or refuse.

    An asset the venue's account does not list is held at zero; one it lists unreadably never gets
    this far. Only `symbols` are taken over: what the targets do not name is none of our business.

    Raises:
        UnknownMarket: a wanted symbol has no market rule. Check the targets, sync the rules.
        UnpricedAsset: a wanted symbol has no valid quote. Skip the cycle.
        StaleInput: a quote, balance or rule is too old, or stamped in the future. Skip the cycle.
    """
    for symbol in sorted(symbols):
        assert symbol.quote == cash, (symbol, cash)
        if symbol not in rules:
            raise UnknownMarket(f"the venue lists no market {symbol}; check the targets")
        if symbol not in quotes:
            raise UnpricedAsset(f"{symbol.base} is targeted, but {symbol} has no valid quote")
        _require_fresh(
            f"the rule set of {symbol}",
            rules[symbol].observed_at_ms,
            now_ms=now_ms,
            age_ms_max=freshness.rules_age_ms_max,
        )
        _require_fresh(
            f"the quote of {symbol}",
            quotes[symbol].observed_at_ms,
            now_ms=now_ms,
            age_ms_max=freshness.quote_age_ms_max,
        )
    assets = sorted({cash, *(symbol.base for symbol in symbols)})
    for asset in assets:
        if asset in balances:
            _require_fresh(
                f"the balance of {asset}",
                balances[asset].observed_at_ms,
                now_ms=now_ms,
                age_ms_max=freshness.balance_age_ms_max,
            )
    return Snapshot(
        cash=cash,
        rules={symbol: rules[symbol] for symbol in sorted(symbols)},
        quotes={symbol: quotes[symbol] for symbol in sorted(symbols)},
        balances={asset: balances[asset] for asset in assets if asset in balances},
        taken_at_ms=now_ms,
    )


def _require_fresh(what: str, observed_at_ms: int, *, now_ms: int, age_ms_max: int) -> None:
    age_ms = now_ms - observed_at_ms
    if age_ms > age_ms_max:
        raise StaleInput(f"{what} is {age_ms} ms old, more than {age_ms_max} ms")
    if age_ms < -CLOCK_SKEW_MS_MAX:
        raise StaleInput(f"{what} is stamped {-age_ms} ms in the future; check the clock (NTP)")
