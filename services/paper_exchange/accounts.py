"""Who owns what. Money moves between accounts here and nowhere else.

Belongs here: balances, locks and transfers, each of which leaves every asset's total unchanged; and
the two ways in which a total does change, by name.
Does not belong here: why money moves.
"""

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal

HOUSE = "house"
FEES = "fees"
ZERO = Decimal(0)


class Ledger:
    """Free and locked amounts per account and asset."""

    def __init__(self) -> None:
        self._free: dict[str, dict[str, Decimal]] = defaultdict(dict)
        self._locked: dict[str, dict[str, Decimal]] = defaultdict(dict)

    def open_account(self, owner: str, balances: Mapping[str, Decimal]) -> None:
        """Money comes into being here, and by `deposit`."""
        assert owner not in self._free, owner
        self._free[owner] = dict(balances)
        self._locked[owner] = {}

    def owners(self) -> tuple[str, ...]:
        return tuple(self._free)

    def assets(self, owner: str) -> tuple[str, ...]:
        return tuple(self._free[owner])

    def free(self, owner: str, asset: str) -> Decimal:
        return self._free[owner].get(asset, ZERO)

    def locked(self, owner: str, asset: str) -> Decimal:
        return self._locked[owner].get(asset, ZERO)

    def lock(self, owner: str, asset: str, amount: Decimal) -> None:
        self._add(self._free[owner], asset, -amount)
        self._add(self._locked[owner], asset, amount)

    def unlock(self, owner: str, asset: str, amount: Decimal) -> None:
        self._add(self._locked[owner], asset, -amount)
        self._add(self._free[owner], asset, amount)

    def pay(self, payer: str, payee: str, asset: str, amount: Decimal) -> None:
        """Move free money from one account to another."""
        self._add(self._free[payer], asset, -amount)
        self._add(self._free[payee], asset, amount)

    def deposit(self, owner: str, asset: str, amount: Decimal) -> None:
        """Money arrives from outside, or leaves when negative; free money only."""
        self._add(self._free[owner], asset, amount)

    def totals(self) -> dict[str, Decimal]:
        """Each asset over all accounts, free and locked: no trade changes it."""
        sums: dict[str, Decimal] = defaultdict(lambda: ZERO)
        for part in (self._free, self._locked):
            for amounts in part.values():
                for asset, amount in amounts.items():
                    sums[asset] += amount
        return dict(sums)

    @staticmethod
    def _add(amounts: dict[str, Decimal], asset: str, amount: Decimal) -> None:
        after = amounts.get(asset, ZERO) + amount
        assert after >= 0, f"{asset}: expected at least {-amount}, was {amounts.get(asset)}"
        amounts[asset] = after
