"""Who is told what the engine does.

Belongs here: the contract, and telling several at once.
Does not belong here: what each makes of it (`user_stream`, `journal_witness`).
"""

from typing import Protocol

from services.paper_exchange.orders import Fill, Order


class Witness(Protocol):
    """Told of everything that happens to users' orders, in the order it happens."""

    def reported(self, order: Order, event: str, fill: Fill | None, /) -> None:
        """`event` is NEW, TRADE, CANCELED or EXPIRED."""

    def traded(self, maker_fill: Fill) -> None:
        """A trade for the public stream."""

    def feigned(self, order: Order, event: str) -> None:
        """The owner is told that the order ended, and it did not: see its veil."""

    def unveiled(self, order: Order) -> None:
        """The owner may know from now on what really happened."""


class Witnesses:
    """Several as one, told in their order."""

    def __init__(self, *witnesses: Witness) -> None:
        self._witnesses = witnesses

    def reported(self, order: Order, event: str, fill: Fill | None) -> None:
        for witness in self._witnesses:
            witness.reported(order, event, fill)

    def traded(self, maker_fill: Fill) -> None:
        for witness in self._witnesses:
            witness.traded(maker_fill)

    def feigned(self, order: Order, event: str) -> None:
        for witness in self._witnesses:
            witness.feigned(order, event)

    def unveiled(self, order: Order) -> None:
        for witness in self._witnesses:
            witness.unveiled(order)
