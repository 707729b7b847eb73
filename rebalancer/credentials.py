"""What an API key may do, and whether it may be traded with.

Belongs here: the judgement of a key's rights and of the clock its requests are signed by.
Does not belong here: how a venue writes them down (`resources/ccxt_rights`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class KeyRights:
    """What the venue tells of a key; None where it does not tell.

    `may_withdraw` covers every right to move money out of the account, by whatever name.
    """

    may_read: bool | None
    may_trade: bool | None
    may_withdraw: bool | None
    is_ip_bound: bool | None


UNTOLD = KeyRights(None, None, None, None)
"""The rights of a key at a venue that tells nothing."""


@dataclass(frozen=True, slots=True)
class KeyPolicy:
    """What a key must be like before an order is sent with it."""

    allow_unreadable_rights: bool
    require_ip_binding: bool
    clock_skew_ms_max: int = 1_000

    def __post_init__(self) -> None:
        assert self.clock_skew_ms_max > 0, self


class KeyFault(StrEnum):
    """What is wrong with a key."""

    CANNOT_READ_RIGHTS = "CANNOT_READ_RIGHTS"
    MAY_NOT_TRADE = "MAY_NOT_TRADE"
    MAY_WITHDRAW = "MAY_WITHDRAW"
    NOT_IP_BOUND = "NOT_IP_BOUND"
    CLOCK_SKEWED = "CLOCK_SKEWED"


@dataclass(frozen=True, slots=True)
class KeyFinding:
    """One fault, in words that name the cure. One that does not stop trading is a warning."""

    fault: KeyFault
    detail: str
    stops_trading: bool


def judge_key(
    rights: KeyRights, *, clock_skew_ms: int | None, policy: KeyPolicy
) -> tuple[KeyFinding, ...]:
    """Say everything that is wrong with a key; the gravest first.

    Args:
        rights: What the venue tells of the key.
        clock_skew_ms: The venue's time minus ours; None where the venue tells no time.
        policy: What the settings ask of a key.

    Returns:
        Every finding. Trade only when none of them stops trading.
    """
    return (
        *_judge_reach(rights, policy),
        *_judge_binding(rights, policy),
        *_judge_clock(clock_skew_ms, policy),
    )


def _judge_reach(rights: KeyRights, policy: KeyPolicy) -> Iterator[KeyFinding]:
    if rights.may_withdraw:
        yield KeyFinding(
            KeyFault.MAY_WITHDRAW,
            "the key may withdraw or transfer money out of the account. Take that right from it at"
            " the venue, or make a new key that may only read and trade",
            stops_trading=True,
        )
    if rights.may_trade is False:
        yield KeyFinding(
            KeyFault.MAY_NOT_TRADE,
            "the key may not trade spot. Give it that right at the venue, or use another key",
            stops_trading=True,
        )
    told = {"trade": rights.may_trade, "withdraw": rights.may_withdraw}
    if untold := " and ".join(name for name, right in told.items() if right is None):
        cure = (
            "and allow_unreadable_rights says to trade all the same"
            if policy.allow_unreadable_rights
            else "so nothing is sent. Look at the key's rights at the venue yourself, then set"
            " allow_unreadable_rights = true"
        )
        yield KeyFinding(
            KeyFault.CANNOT_READ_RIGHTS,
            f"the venue does not tell whether the key may {untold}, {cure}",
            stops_trading=not policy.allow_unreadable_rights,
        )


def _judge_binding(rights: KeyRights, policy: KeyPolicy) -> Iterator[KeyFinding]:
    if rights.is_ip_bound is False:
        yield KeyFinding(
            KeyFault.NOT_IP_BOUND,
            "the key works from any address. Bind it to the addresses of your machines",
            stops_trading=policy.require_ip_binding,
        )
    elif rights.is_ip_bound is None and policy.require_ip_binding:
        # What a venue does not tell is said, not held against the key.
        yield KeyFinding(
            KeyFault.NOT_IP_BOUND,
            "require_ip_binding is set, but the venue does not tell whether the key is bound to"
            " addresses. Look at the key at the venue",
            stops_trading=False,
        )


def _judge_clock(clock_skew_ms: int | None, policy: KeyPolicy) -> Iterator[KeyFinding]:
    if clock_skew_ms is not None and abs(clock_skew_ms) >= policy.clock_skew_ms_max:
        side = "behind" if clock_skew_ms > 0 else "ahead of"
        yield KeyFinding(
            KeyFault.CLOCK_SKEWED,
            f"the clock of this machine is {abs(clock_skew_ms)} ms {side} the venue's; expected"
            f" less than {policy.clock_skew_ms_max} ms. Set it right (NTP)",
            stops_trading=True,
        )
