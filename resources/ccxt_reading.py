"""From the client's dictionaries to balances, fills and answers.

Pure. A number is the venue's own text or it is refused: nothing here has ever been a float. A
market's rules and its ticker are read in `ccxt_market_reading`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rebalancer.balances import RawBalance
from rebalancer.errors import BadData
from rebalancer.money import ZERO, Asset, exact, plain, to_decimal
from rebalancer.orders import Order
from rebalancer.settlement import Accepted, Fill

AT_MS_MAX = 253_402_300_799_999
"""The last millisecond of the year 9999: no store of ours knows a later one."""
CLOSED = frozenset({"closed", "canceled", "expired", "rejected"})
_NOT_ASSETS = frozenset({"info", "free", "used", "total", "debt", "timestamp", "datetime"})


def read_text(value: object, what: str) -> str | None:
    """A value as the venue wrote it, None where it wrote nothing.

    Raises:
        BadData: it has been a float on its way here, so its digits are no longer the venue's.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(Decimal(value))  # str() alone refuses thousands of digits
    raise BadData(f"{what}: expected text, was {type(value).__name__} {value!r:.80}")


def read_number(value: object, what: str) -> Decimal:
    """A number that must be there. Raises BadData."""
    try:
        return to_decimal(read_text(value, what) or "")
    except ValueError as error:
        raise BadData(f"{what}: {error}") from None


def raw_balances(account: Mapping[str, Any], observed_at_ms: int) -> tuple[RawBalance, ...]:
    """Every asset with anything free or locked, and every asset that cannot be read."""
    rows = [
        _raw_balance(asset, parts, observed_at_ms)
        for asset, parts in account.items()
        if asset not in _NOT_ASSETS and isinstance(parts, Mapping)
    ]
    return tuple(row for row in rows if not (is_zero(row.free) and is_zero(row.locked)))


def listed_balances(
    rows: object, code_of: Callable[[str], str], observed_at_ms: int
) -> tuple[RawBalance, ...]:
    """The same from a venue's own list of asset, free and locked: a row sent twice stays twice.

    Args:
        rows: The list as the venue sent it.
        code_of: The client's name of an asset the venue names.
        observed_at_ms: Our clock, before the question was asked.

    Raises:
        BadData: it is not such a list. An account nobody could read is not an empty account.
    """
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadData(f"balances: expected a list of assets, was {type(rows).__name__}")
    if not all(isinstance(row.get("asset"), str) and row["asset"] for row in rows):
        raise BadData("balances: expected every row to name its asset")
    balances = [
        _raw_balance(
            code_of(row["asset"]),
            {"free": row.get("free"), "used": row.get("locked")},
            observed_at_ms,
        )
        for row in rows
    ]
    return tuple(row for row in balances if not (is_zero(row.free) and is_zero(row.locked)))


def read_accepted(order: Order, answer: object, spelled_id: str) -> Accepted | str:
    """The venue's word that it has the order, or why this is not one."""
    if not isinstance(answer, Mapping):
        return f"expected an order, was {type(answer).__name__}"
    venue_order_id, status = answer.get("id"), answer.get("status")
    if not _is_name(venue_order_id):
        return "the answer has no order id"
    if answer.get("clientOrderId") not in (None, spelled_id):
        return f"asked about {spelled_id}, was told of {answer.get('clientOrderId')}"
    if not isinstance(status, str) or status not in (*CLOSED, "open"):
        return f"order {venue_order_id!r:.80} has the unknown status {status!r:.80}"
    try:
        filled = read_number(answer.get("filled"), f"order {venue_order_id} filled")
    except BadData as error:
        return str(error)
    if filled < 0:
        return f"order {venue_order_id} is filled by {filled}"
    return Accepted(order, str(venue_order_id), status in CLOSED, filled)


@dataclass(frozen=True, slots=True)
class TradeTerms:
    """What every trade says, whoever placed its order."""

    trade_id: str
    amount_base: Decimal
    price_quote: Decimal
    fee_asset: Asset | None
    fee_amount: Decimal
    is_maker: bool
    filled_at_ms: int


def read_trade_terms(trade: Mapping[str, Any], what: str) -> TradeTerms:
    """The terms of one trade, exactly. Raises BadData, which says `what` it is about."""
    trade_id, at_ms = trade.get("id"), trade.get("timestamp")
    if not _is_name(trade_id) or type(at_ms) is not int or not 0 <= at_ms <= AT_MS_MAX:
        raise BadData(f"{what}: expected an id and a time from 1970 to 9999")
    amount = read_number(trade.get("amount"), f"{what}, amount")
    price = read_number(trade.get("price"), f"{what}, price")
    if amount <= 0 or price <= 0:
        raise BadData(f"{what}: expected amount and price above 0, was {amount} at {price}")
    fee_asset, fee_amount = _read_fee(trade, what)
    is_maker = trade.get("takerOrMaker") == "maker"
    return TradeTerms(str(trade_id), amount, price, fee_asset, fee_amount, is_maker, at_ms)


def read_fill(order: Order, trade: Mapping[str, Any]) -> Fill:
    """One trade of an order of ours, exactly. Raises BadData."""
    terms = read_trade_terms(trade, f"trade {trade.get('id')} of {order.client_order_id}")
    return Fill(
        trade_id=terms.trade_id,
        client_order_id=order.client_order_id,
        amount_base=terms.amount_base,
        price_quote=terms.price_quote,
        fee_asset=terms.fee_asset,
        fee_amount=terms.fee_amount,
        is_maker=terms.is_maker,
        filled_at_ms=terms.filled_at_ms,
    )


def read_told_fills(order: Order, answer: Mapping[str, Any]) -> tuple[Fill, ...]:
    """The trades told in the answer to an order; none where one of them cannot be read exactly.

    They carry no time of their own; the order's is theirs, for they were one step at the venue.
    """
    trades = answer.get("trades")
    if not isinstance(trades, list) or not all(isinstance(trade, Mapping) for trade in trades):
        return ()
    at_ms = answer.get("timestamp")
    try:
        return tuple(
            read_fill(order, {**trade, "timestamp": trade.get("timestamp") or at_ms})
            for trade in trades
        )
    except BadData:
        return ()


def find_order(rows: Iterable[object], spelled_id: str) -> Mapping[str, Any] | None:
    """The order with our id in a list of orders."""
    orders = (row for row in rows if isinstance(row, Mapping))
    return next((row for row in orders if row.get("clientOrderId") == spelled_id), None)


def find_trade(rows: Iterable[object], spelled_id: str) -> Mapping[str, Any] | None:
    """A trade whose own text carries our id: the venue's word for it differs."""
    trades = (row for row in rows if isinstance(row, Mapping))
    return next((row for row in trades if spelled_id in info_of(row).values()), None)


def _is_name(value: object) -> bool:
    """Say whether a venue's own name of a thing is one that a database can keep."""
    if type(value) not in (str, int) or not value:
        return False
    return not any(char == "\0" or "\ud800" <= char <= "\udfff" for char in str(value))


def info_of(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the venue itself wrote, where that is a table."""
    info = row.get("info")
    return info if isinstance(info, Mapping) else {}


def _raw_balance(asset: str, parts: Mapping[str, Any], observed_at_ms: int) -> RawBalance:
    if not _is_name(asset):
        raise BadData(f"balances: expected the name of an asset, was {asset!r:.80}")
    free, used, total = (
        read_text(parts.get(name), f"{asset} {name}") for name in ("free", "used", "total")
    )
    # Some venues state two of the three; the third is their difference, exactly.
    if free is None and used is not None:
        free = _difference(total, used)
    elif used is None and free is not None:
        used = _difference(total, free)
    return RawBalance(Asset(asset), free, used, observed_at_ms)


def _difference(total: str | None, part: str) -> str | None:
    if total is None:
        return None
    try:
        with exact():
            return plain(to_decimal(total) - to_decimal(part))
    except ValueError:
        return None


def is_zero(text: str | None) -> bool:
    """Say whether a text is a number, and that number is 0."""
    try:
        return text is not None and to_decimal(text) == 0
    except ValueError:
        return False


def _read_fee(trade: Mapping[str, Any], what: str) -> tuple[Asset | None, Decimal]:
    told = trade.get("fees") or [trade.get("fee")]
    if not isinstance(told, list) or not all(isinstance(fee, Mapping | None) for fee in told):
        raise BadData(f"{what}: expected a list of fees, was {told!r:.80}")
    fees = [fee for fee in told if fee and fee.get("cost")]
    if not fees:
        return None, ZERO
    names = [fee.get("currency") for fee in fees]
    assets = {name for name in names if isinstance(name, str) and _is_name(name)}
    if len(assets) != 1 or names.count(names[0]) != len(names):
        raise BadData(f"{what}: expected a fee in one asset, was {fees!r:.200}")
    with exact():
        cost = sum((read_number(fee["cost"], f"{what}, fee") for fee in fees), ZERO)
    return Asset(str(assets.pop())), cost
