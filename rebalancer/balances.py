"""What the account holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from rebalancer.faults import Rejected, judge_fields, part_rows
from rebalancer.money import Asset, exact, to_decimal

_ZERO_ALLOWED = frozenset({"free", "locked"})


@dataclass(frozen=True, slots=True)
class RawBalance:
    """One asset of the account exactly as the client handed it over."""

    asset: Asset
    free: str | None
    locked: str | None
    observed_at_ms: int

    @property
    def subject(self) -> str:
        return self.asset

    @property
    def fields(self) -> dict[str, str | None]:
        return {"free": self.free, "locked": self.locked}


@dataclass(frozen=True, slots=True)
class Balance:
    """One asset, in its own units: `free` may be traded now, `locked` backs open orders."""

    asset: Asset
    free: Decimal
    locked: Decimal
    observed_at_ms: int

    def __post_init__(self) -> None:
        assert self.free >= 0, self
        assert self.locked >= 0, self

    @property
    def total(self) -> Decimal:
        with exact():
            return self.free + self.locked


def read_balance(raw: RawBalance) -> Balance | Rejected:
    """Turn one raw balance into a Balance, or say why it cannot be one. Never into a zero."""
    if bad := judge_fields(raw.asset, raw.fields, zero_allowed=_ZERO_ALLOWED):
        return bad
    free, locked = (to_decimal(text or "") for text in raw.fields.values())
    return Balance(raw.asset, free, locked, raw.observed_at_ms)


def sanitize_balances(
    balances: Sequence[RawBalance],
) -> tuple[dict[Asset, Balance], tuple[Rejected, ...]]:
    """Part an account's rows into balances and rows to quarantine. An asset is in at most one."""
    sound, rejected = part_rows(balances, read_balance, wanted=None)
    return {balance.asset: balance for balance in sound}, rejected
