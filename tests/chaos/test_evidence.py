"""Journal lines become facts, in their form of today and with the events of the fault panel."""

from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.chaos.diary import Tail
from tests.chaos.evidence import deposits_of, ends_of, read_lines, sends_of, trades_of


def make_line(**more: Any) -> dict[str, Any]:
    """A request to place an order that was taken."""
    params = {
        "symbol": "BTCUSDC",
        "side": "BUY",
        "quantity": "0.5",
        "price": "100.10",
        "newClientOrderId": "abc",
    }
    line = {"seq": 5, "method": "POST", "path": "/api/v3/order", "params": params}
    told = {"client_order_id": "abc", "order_id": 77, "acted": True, "fault": None}
    return {**line, **told, "received_at_ms": 10, "acted_at_ms": 12, **more}


def test_a_request_is_read_to_its_last_digit() -> None:
    (send,) = sends_of([make_line()])
    assert (send.client_order_id, send.symbol, send.side) == ("abc", "BTC/USDC", "buy")
    assert (send.amount_base, str(send.price_quote)) == (Decimal("0.5"), "100.10")
    assert (send.is_acted, send.venue_order_id, send.received_at_ms) == (True, "77", 10)


def test_a_request_that_came_to_nothing_was_not_acted_on() -> None:
    (send,) = sends_of([make_line(acted=False, order_id=None, fault="close_before")])
    assert (send.is_acted, send.venue_order_id, send.fault) == (False, None, "close_before")


def test_an_order_that_nobody_sent_is_foreign() -> None:
    line = {
        "event": "order", "foreign": True, "seq": 6, "order_id": 8, "client_order_id": "theirs",
        "symbol": "ETHUSDC", "side": "SELL", "price": "3000.1", "qty": "0.2", "at_ms": 5,
        "method": "", "path": "",
    }  # fmt: skip
    (send,) = sends_of([line])
    assert (send.is_foreign, send.is_acted, send.symbol) == (True, True, "ETH/USDC")


def test_other_requests_and_events_are_no_sends() -> None:
    others = [
        make_line(method="GET"),
        make_line(path="/api/v3/order/test"),
        {"event": "trade", "method": "", "path": ""},
        {"event": "end", "method": "", "path": ""},
    ]
    assert not list(sends_of(others))


def test_trades_ends_and_deposits_are_events() -> None:
    trade = {
        "event": "trade", "seq": 3, "trade_id": 8, "order_id": 77, "client_order_id": "abc",
        "symbol": "BTCUSDC", "side": "SELL", "price": "100.1", "qty": "0.5",
        "commission": "0.05", "commissionAsset": "USDC", "at_ms": 12,
    }  # fmt: skip
    end = {"event": "end", "seq": 4, "client_order_id": "abc", "executed_qty": "0.5"}
    deposits = [{"event": "deposit", "asset": "BTC", "amount": text} for text in ("0.5", "-0.2")]
    lines: list[dict[str, Any]] = [trade, end, *deposits, make_line()]
    (told,) = trades_of(lines)
    assert (told.trade_id, told.symbol, told.is_buy, told.seq) == ("8", "BTC/USDC", False, 3)
    assert (told.fee_amount, told.fee_asset) == (Decimal("0.05"), "USDC")
    (ended,) = ends_of(lines)
    assert (ended.seq, ended.executed_base) == (4, Decimal("0.5"))
    assert deposits_of(lines) == {"BTC": Decimal("0.3")}


def test_a_line_that_is_being_written_is_left_for_later(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_text('{"a": 1}\n{"a": ')
    tail = Tail(path)
    assert (read_lines(path), tail.read()) == ([{"a": 1}], [{"a": 1}])
    with path.open("a") as file:
        file.write("2}\n")
    assert (tail.read(), tail.read()) == ([{"a": 2}], [])
