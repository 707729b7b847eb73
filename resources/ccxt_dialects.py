"""How venues differ in naming an order of ours, and in finding it again.

One row per family of ccxt ids. Where a venue is missing, the unified parameter is used, and an
order is searched for instead of asked for.
"""

from collections.abc import Container
from dataclasses import dataclass
from typing import Any

from rebalancer.orders import ClientOrderId

TRADES_PAGE = 100
"""Trades asked for at once: the most that the strictest venue (OKX) gives."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One venue's words.

    Attributes:
        id_field: The parameter that carries our id when an order is placed.
        look_up_field: The parameter that finds exactly that order; None where none does.
        trades_field: The parameter that keeps a list of trades to one order.
        next_trade_field: The parameter that goes on after a trade; None: go on by time.
        id_prefix: What our id must begin with.
        id_digits: How many of its 32 digits fit.
        balances_field: Where the account's answer lists its assets; None: the client knows.
        cancel_field: The parameter that names the order to cancel by our id; None where none does.
        ends_by_our_id: Whether a cancel takes our id in place of the venue's.
        trades_offset_field: The parameter that skips trades already read, the newest first.
        tells_fills: Whether the answer to an order tells its trades as a list of trades would.
    """

    id_field: str = "clientOrderId"
    look_up_field: str | None = None
    trades_field: str | None = None
    next_trade_field: str | None = None
    id_prefix: str = ""
    id_digits: int = 32
    balances_field: str | None = None
    cancel_field: str | None = None
    ends_by_our_id: bool = False
    trades_offset_field: str | None = None
    tells_fills: bool = False

    def spell(self, client_order_id: ClientOrderId) -> str:
        """Our id as this venue knows it."""
        return self.id_prefix + client_order_id[: self.id_digits]

    def unspell(self, spelled_id: str) -> str:
        """What is left of our id in what the venue shows: where digits do not fit, the first."""
        return spelled_id.removeprefix(self.id_prefix)


DIALECTS = {
    "binance": Dialect(
        "newClientOrderId",
        "origClientOrderId",
        "orderId",
        "fromId",
        balances_field="balances",
        cancel_field="origClientOrderId",
        tells_fills=True,
    ),
    "okx": Dialect("clOrdId", "clOrdId", "ordId", cancel_field="clOrdId"),
    # The venue takes 28 characters after the prefix, its client 28 with it.
    "gate": Dialect("text", "text", "order_id", id_prefix="t-", id_digits=26, ends_by_our_id=True),
    # fetch_order would send the id in the wrong field.
    "kraken": Dialect("cl_ord_id", cancel_field="cl_ord_id", trades_offset_field="ofs"),
    # `clientOrderId` is ignored there: the venue would name the order itself.
    "coinbase": Dialect("client_order_id"),
    "bybit": Dialect("orderLinkId", trades_field="orderId", cancel_field="orderLinkId"),
}


def family_of(client: Any, known: Container[str]) -> str | None:
    """The nearest of a client's exchange and its parents that is among `known`."""
    names = (kind.__name__ for kind in type(client).__mro__)
    return next((name for name in names if name in known), None)


def dialect_of(client: Any) -> Dialect:
    """The words of a client's venue; a regional site speaks as its parent does."""
    name = family_of(client, DIALECTS)
    return Dialect() if name is None else DIALECTS[name]
