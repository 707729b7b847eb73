"""What goes wrong, on purpose, with one order inside the engine.

Belongs here: the facts a fault hands to the engine.
Does not belong here: the faults themselves (`faults`), matching (`engine`).
"""

from dataclasses import dataclass
from decimal import Decimal

ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Twist:
    """How an arriving order is bent; as it stands, not at all.

    Attributes:
        share: It fills at most this share of what it asks for.
        hidden_until_ms: Until then its fills are hidden; None hides nothing.
        ends_feigned: It is said to have ended with what filled up to `share_shown`, and fills on.
        share_shown: See `ends_feigned`.
    """

    share: Decimal = ONE
    hidden_until_ms: int | None = None
    ends_feigned: bool = False
    share_shown: Decimal = Decimal(0)


PLAIN = Twist()
