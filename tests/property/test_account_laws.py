"""Laws of comparing an account with the books: our own trades explain themselves, exactly."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from rebalancer.balances import Balance
from rebalancer.money import Asset, exact
from rebalancer.orders import ClientOrderId
from rebalancer.precision import Side
from rebalancer.reconciliation import Baseline, BookedFill, expected_totals, unexplained_changes
from rebalancer.settlement import Fill
from tests.factories import CASH, NOW_MS, PORTFOLIO, make_symbol

ASSETS = (Asset("BTC"), Asset("ETH"), CASH)
MANAGED = frozenset(ASSETS)
amounts = st.decimals("0.00000001", "100000", places=8, allow_nan=False, allow_infinity=False)


@st.composite
def trades(draw: st.DrawFn) -> BookedFill:
    side: Side = draw(st.sampled_from(["buy", "sell"]))
    fill = Fill(
        trade_id=str(draw(st.integers(0, 10**6))),
        client_order_id=ClientOrderId("a" * 32),
        amount_base=draw(amounts),
        price_quote=draw(amounts),
        fee_asset=draw(st.none() | st.sampled_from([*ASSETS, Asset("BNB")])),
        fee_amount=draw(amounts),
        is_maker=False,
        filled_at_ms=NOW_MS,
    )
    return BookedFill(make_symbol(draw(st.sampled_from(["BTC", "ETH"]))), side, fill)


def _baseline(totals: dict[Asset, Decimal]) -> Baseline:
    return Baseline(PORTFOLIO, totals, NOW_MS)


def _balances(totals: dict[Asset, Decimal]) -> dict[Asset, Balance]:
    """An account cannot hold less than nothing: what trades would leave is lifted for all alike."""
    return {asset: Balance(asset, total, Decimal(0), NOW_MS) for asset, total in totals.items()}


PLENTY = {asset: Decimal(10) ** 13 for asset in ASSETS}


@given(st.lists(trades(), max_size=8))
def test_what_our_trades_made_of_the_account_is_explained_to_the_last_digit(
    traded: list[BookedFill],
) -> None:
    after = {a: total for a, total in expected_totals(PLENTY, traded).items() if a in MANAGED}
    assert not unexplained_changes(
        _baseline(PLENTY), traded, _balances(after), managed=MANAGED, tolerance_bps=0
    )


@given(st.lists(trades(), max_size=8), st.sampled_from(ASSETS), amounts)
def test_any_other_change_is_named_with_its_exact_amount(
    traded: list[BookedFill], asset: Asset, moved: Decimal
) -> None:
    after = {a: total for a, total in expected_totals(PLENTY, traded).items() if a in MANAGED}
    with exact():
        after[asset] += moved
    [change] = unexplained_changes(
        _baseline(PLENTY), traded, _balances(after), managed=MANAGED, tolerance_bps=0
    )
    with exact():
        assert (change.asset, change.found - change.expected) == (asset, moved)


@given(st.lists(trades(), max_size=8))
def test_the_order_of_trades_does_not_matter(traded: list[BookedFill]) -> None:
    assert expected_totals(PLENTY, traded) == expected_totals(PLENTY, list(reversed(traded)))


@given(st.sampled_from(ASSETS), st.integers(1, 100), st.integers(0, 200))
def test_a_change_within_the_tolerance_is_let_pass_and_no_larger_one(
    asset: Asset, tolerance_bps: int, change_bps: int
) -> None:
    total = Decimal(10_000)
    totals = dict.fromkeys(ASSETS, total)
    found = totals | {asset: total - change_bps}
    changes = unexplained_changes(
        _baseline(totals), (), _balances(found), managed=MANAGED, tolerance_bps=tolerance_bps
    )
    assert bool(changes) == (change_bps > tolerance_bps)


def test_an_asset_that_is_managed_only_now_is_taken_as_it_is() -> None:
    held = {Asset("SOL"): Decimal(5)}
    managed = {*MANAGED, Asset("SOL")}
    assert not unexplained_changes(
        _baseline(PLENTY), (), _balances(PLENTY | held), managed=managed, tolerance_bps=0
    )


def test_a_holding_that_is_gone_from_the_answer_is_a_change() -> None:
    rest = {asset: total for asset, total in PLENTY.items() if asset != CASH}
    [change] = unexplained_changes(
        _baseline(PLENTY), (), _balances(rest), managed=MANAGED, tolerance_bps=0
    )
    assert (change.asset, change.found) == (CASH, Decimal(0))
