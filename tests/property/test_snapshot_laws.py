"""Laws of the snapshot: only what is fresh, whole and not from the future is joined."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.errors import StaleInput, UnknownMarket, UnpricedAsset
from rebalancer.snapshot import CLOCK_SKEW_MS_MAX, Snapshot, take_snapshot
from tests.factories import (
    CASH,
    FRESHNESS,
    NOW_MS,
    make_balance,
    make_quote,
    make_rule,
    make_symbol,
)

BASES = ("BTC", "ETH")
SYMBOLS = [make_symbol(base) for base in BASES]


def _take(
    *, rule_ms: int = 0, quote_ms: int = 0, balance_ms: int = 0, held: str = "BTC"
) -> Snapshot:
    """A snapshot whose ETH rule, ETH quote and `held` balance are so many ms old."""
    rules = {symbol: make_rule(symbol.base) for symbol in SYMBOLS}
    quotes = {symbol: make_quote(symbol.base) for symbol in SYMBOLS}
    eth = make_symbol("ETH")
    rules[eth] = replace(rules[eth], observed_at_ms=NOW_MS - rule_ms)
    quotes[eth] = replace(quotes[eth], observed_at_ms=NOW_MS - quote_ms)
    balance = replace(make_balance(held, "1"), observed_at_ms=NOW_MS - balance_ms)
    return take_snapshot(
        rules,
        quotes,
        {balance.asset: balance},
        symbols=SYMBOLS,
        cash=CASH,
        now_ms=NOW_MS,
        freshness=FRESHNESS,
    )


def _ages(limit_ms: int) -> st.SearchStrategy[int]:
    edges = [-CLOCK_SKEW_MS_MAX - 1, -CLOCK_SKEW_MS_MAX, 0, limit_ms, limit_ms + 1]
    return st.sampled_from(edges) | st.integers(-2 * CLOCK_SKEW_MS_MAX, 2 * limit_ms)


def _is_fresh(age_ms: int, limit_ms: int) -> bool:
    return -CLOCK_SKEW_MS_MAX <= age_ms <= limit_ms


@given(
    _ages(FRESHNESS.rules_age_ms_max),
    _ages(FRESHNESS.quote_age_ms_max),
    _ages(FRESHNESS.balance_age_ms_max),
    st.sampled_from([*BASES, CASH]),
)
def test_one_input_too_old_or_from_the_future_refuses_the_whole(
    rule_ms: int, quote_ms: int, balance_ms: int, held: str
) -> None:
    is_fresh = (
        _is_fresh(rule_ms, FRESHNESS.rules_age_ms_max)
        and _is_fresh(quote_ms, FRESHNESS.quote_age_ms_max)
        and _is_fresh(balance_ms, FRESHNESS.balance_age_ms_max)
    )
    if is_fresh:
        assert _take(rule_ms=rule_ms, quote_ms=quote_ms, balance_ms=balance_ms, held=held)
    else:
        with pytest.raises(StaleInput, match=r"ms (old|in the future)"):
            _take(rule_ms=rule_ms, quote_ms=quote_ms, balance_ms=balance_ms, held=held)


@given(st.sets(st.sampled_from(SYMBOLS)), st.sets(st.sampled_from(SYMBOLS)))
def test_a_wanted_symbol_without_rule_or_quote_refuses_the_whole(
    ruled: set[object], quoted: set[object]
) -> None:
    rules = {symbol: make_rule(symbol.base) for symbol in SYMBOLS if symbol in ruled}
    quotes = {symbol: make_quote(symbol.base) for symbol in SYMBOLS if symbol in quoted}

    def take() -> Snapshot:
        return take_snapshot(
            rules, quotes, {}, symbols=SYMBOLS, cash=CASH, now_ms=NOW_MS, freshness=FRESHNESS
        )

    if len(ruled) == len(quoted) == len(SYMBOLS):
        assert set(take().quotes) == set(SYMBOLS)
    else:
        with pytest.raises((UnknownMarket, UnpricedAsset)):
            take()


@given(st.sets(st.sampled_from(["BTC", "ETH", "DOGE", CASH])))
def test_what_the_targets_do_not_name_is_left_out(held: set[str]) -> None:
    balances = {balance.asset: balance for balance in (make_balance(name, "1") for name in held)}
    stale = replace(make_balance("XRP", "1"), observed_at_ms=0)
    snapshot = take_snapshot(
        {symbol: make_rule(symbol.base) for symbol in [*SYMBOLS, make_symbol("DOGE")]},
        {symbol: make_quote(symbol.base) for symbol in [*SYMBOLS, make_symbol("DOGE")]},
        {**balances, stale.asset: stale},
        symbols=SYMBOLS,
        cash=CASH,
        now_ms=NOW_MS,
        freshness=FRESHNESS,
    )
    assert set(snapshot.balances) == set(balances) - {"DOGE"}
    assert set(snapshot.quotes) == set(snapshot.rules) == set(SYMBOLS)
