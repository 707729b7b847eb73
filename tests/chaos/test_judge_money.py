"""A digit out of place is found, wherever it is."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from tests.chaos.cases import BOUGHT, make_evidence, make_send, make_trade, with_more
from tests.chaos.judge_money import judge_balances, judge_convergence, judge_fills

SOUND = make_evidence()


def test_a_sound_run_has_every_digit_in_its_place() -> None:
    assert not judge_fills(SOUND).violations
    assert not judge_balances(SOUND).violations


@pytest.mark.parametrize(
    "change",
    [
        {"amount_base": Decimal("0.50000001")},
        {"price_quote": Decimal("100.01")},
        {"fee_amount": Decimal("0.00050001")},
        {"fee_asset": "USDC"},
        {"fee_asset": None},
        {"client_order_id": "sold"},
    ],
)
def test_a_fill_that_differs_in_one_field_is_found(change: dict[str, Any]) -> None:
    spoilt = replace(SOUND, fills=(SOUND.fills[0], replace(SOUND.fills[1], **change)))
    assert [violation.order_id for violation in judge_fills(spoilt).violations] == [BOUGHT]


def test_a_trade_that_is_not_on_the_books_is_found() -> None:
    assert judge_fills(replace(SOUND, fills=SOUND.fills[:1])).violations
    assert judge_balances(replace(SOUND, fills=SOUND.fills[:1])).violations


def test_a_fill_that_was_never_traded_is_found() -> None:
    invented = with_more(SOUND, "fills", make_trade(BOUGHT, "3", 0))
    assert judge_fills(invented).violations
    assert judge_balances(invented).violations


def test_trades_with_the_same_id_in_two_markets_are_two_trades() -> None:
    elsewhere = {"symbol": "ETH/USDC", "fee_asset": "ETH"}
    both = with_more(SOUND, "trades", make_trade(BOUGHT, "2", 8, **elsewhere))
    assert judge_fills(both).violations
    both = with_more(both, "fills", make_trade(BOUGHT, "2", 0, **elsewhere))
    assert not judge_fills(both).violations


@pytest.mark.parametrize("asset", ["BTC", "USDC"])
def test_the_smallest_amount_too_much_is_found(asset: str) -> None:
    final = {**SOUND.final, asset: SOUND.final[asset] + Decimal("1e-18")}
    found = judge_balances(replace(SOUND, final=final)).violations
    assert {violation.order_id for violation in found} == {asset}


def test_an_asset_that_nobody_bought_is_found() -> None:
    final = {**SOUND.final, "DOGE": Decimal(1)}
    assert judge_balances(replace(SOUND, final=final)).violations


def test_a_deposit_and_a_foreign_trade_explain_a_balance() -> None:
    foreign = make_send("theirs", 9, 5_000, is_foreign=True)
    moved = with_more(with_more(SOUND, "sent", foreign), "trades", make_trade("theirs", "9", 10))
    final = {"BTC": Decimal("1.9990"), "USDC": Decimal("949.95")}
    moved = replace(moved, final=final, deposits={"BTC": Decimal("0.5")})
    assert not judge_fills(moved).violations
    assert not judge_balances(moved).violations


@pytest.mark.parametrize(
    ("drifts", "cycles"),
    [({"BTC": Decimal("40.1")}, 2), ({"BTC": Decimal(-41)}, 2), ({"BTC": Decimal(1)}, 9), ({}, 1)],
)
def test_a_portfolio_that_does_not_come_home_is_found(
    drifts: dict[str, Decimal], cycles: int
) -> None:
    assert judge_convergence(drifts, band_bps=40, cycles=cycles, cycles_max=8).violations


def test_a_portfolio_inside_its_band_is_no_violation() -> None:
    at_the_edge = {"BTC": Decimal(40), "USDC": Decimal(-40)}
    assert not judge_convergence(at_the_edge, band_bps=40, cycles=8, cycles_max=8).violations
