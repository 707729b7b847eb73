"""The settings of a portfolio, and what they mean to the domain."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from rebalancer.drift import TargetWeights
from rebalancer.errors import BadConfig
from rebalancer.money import BPS_WHOLE, Asset, Symbol, parse_symbol
from rebalancer.peg import PegPolicy
from rebalancer.plan import RebalancePolicy
from rebalancer.risk import RiskLimits
from rebalancer.slices import SLICES_MAX
from rebalancer.snapshot import Freshness
from resources.settings_limits import LimitsSettings
from resources.settings_table import AssetName, SettingsTable
from resources.settings_venue import VenueSettings

SHARE_MAX = Decimal("0.9")
"""Most of the band that may be left: fees need the rest, or a cycle ends just outside."""


class PortfolioSettings(SettingsTable):
    """One set of target weights, on one venue account of its own."""

    venue: str = Field(description="Name of a [venues.…] table.")
    quote: AssetName = Field(
        description="The currency everything is priced in and cash is held in."
    )
    targets_bps: dict[AssetName, int] = Field(
        description="Target share by asset in basis points; must sum to exactly 10 000. An asset "
        "that is not named is never traded; name it with 0 to sell it."
    )
    drift_bps_min: int = Field(
        default=200, ge=1, lt=BPS_WHOLE, description="Half-width of the band: trade beyond it."
    )
    destination: Literal["target"] | Annotated[Decimal, Field(ge=0, le=SHARE_MAX)] = Field(
        default=Decimal("0.5"),
        description='Where to trade to: "target", or the share of the band left to it; at most '
        "0.9, because fees need room inside the band.",
    )
    reach_bps_max: int = Field(
        default=50, ge=1, le=1_000, description="Worst price accepted, in bps from arrival mid."
    )
    orders_max: int = Field(default=20, ge=1, le=500, description="Most orders of one cycle.")
    depth_share_bps_max: int = Field(
        default=2_500,
        ge=1,
        le=BPS_WHOLE,
        description="Most of the visible order book that one order takes, up to its worst price; "
        "what is larger is sent in slices, one after the other. 10000: all that is visible.",
    )
    slices_max: int = Field(
        default=10,
        ge=1,
        le=SLICES_MAX,
        description="Most slices of one trade; the rest waits for the next cycle.",
    )
    post_spread_bps_min: int | None = Field(
        default=None,
        ge=1,
        le=BPS_WHOLE,
        description="From this spread on, an order first waits in the book at the best price of "
        "its own side, and crosses after post_ms. Unset: orders cross at once.",
    )
    approval: Literal["auto", "manual"] = Field(
        default="auto",
        description='"manual": each plan waits for `trimtab orders approve` or `reject`.',
    )
    order_ttl_ms: int = Field(
        default=3_600_000, ge=1_000, le=86_400_000, description="An order older than this expires."
    )
    quote_age_ms_max: int = Field(default=60_000, ge=100, description="Oldest quote to trade on.")
    balance_age_ms_max: int = Field(default=60_000, ge=100, description="Oldest balance.")
    rules_age_ms_max: int = Field(
        default=172_800_000, ge=60_000, description="Oldest market rules; two days by default."
    )

    unexplained_bps_max: int = Field(
        default=1,
        ge=0,
        le=100,
        description="How much of a holding may come or go without a trade of ours, such as "
        "interest and rounded fees; more freezes the portfolio.",
    )

    peg_symbol: str | None = Field(
        default=None,
        description="Market of the quote currency against another with the same peg, such as "
        "USDC/USDT. While it is off its peg, nothing is traded.",
    )
    peg_tolerance_bps: int = Field(
        default=100, ge=1, le=2_000, description="How far peg_symbol may trade from 1."
    )

    limits: LimitsSettings = Field(
        default_factory=LimitsSettings, description="Caps: a table of its own, see below."
    )

    @field_validator("destination", mode="before")
    @classmethod
    def _is_a_destination(cls, written: object) -> object:
        # Said here in one sentence: a union would tell each of its sides by its type.
        try:
            is_share = not isinstance(written, bool) and 0 <= Decimal(str(written)) <= SHARE_MAX
        except ArithmeticError:
            is_share = False
        if written != "target" and not is_share:
            raise ValueError(f'expected "target" or a number from 0 to {SHARE_MAX}')
        return written

    @field_validator("peg_symbol")
    @classmethod
    def _is_a_symbol(cls, written: str | None) -> str | None:
        if written is not None:
            parse_symbol(written)
        return written

    @field_validator("targets_bps")
    @classmethod
    def _sums_to_one(cls, targets: dict[str, int]) -> dict[str, int]:
        try:
            TargetWeights({Asset(name): weight for name, weight in targets.items()})
        except BadConfig as error:
            raise ValueError(str(error)) from None
        return targets

    @model_validator(mode="after")
    def _ages_in_order(self) -> "PortfolioSettings":
        if self.rules_age_ms_max < self.quote_age_ms_max:
            raise ValueError("rules_age_ms_max must be at least quote_age_ms_max")
        if self.peg_symbol is not None and self.quote not in _sides_of(self.peg_symbol):
            raise ValueError(
                f"peg_symbol is {self.peg_symbol!r}; expected a market of {self.quote}, such as "
                f"{self.quote}/USDT"
            )
        return self

    @model_validator(mode="after")
    def _collar_beyond_reach(self) -> "PortfolioSettings":
        collar = self.limits.collar_bps_max
        if collar is not None and collar < self.reach_bps_max:
            raise ValueError(
                f"limits.collar_bps_max is {collar}, less than reach_bps_max {self.reach_bps_max}: "
                "every order would be outside the collar. Raise the one or lower the other"
            )
        return self

    @property
    def cash(self) -> Asset:
        return Asset(self.quote)

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        bases = sorted(name for name in self.targets_bps if name != self.quote)
        return tuple(Symbol(Asset(base), self.cash) for base in bases)

    @property
    def watched_symbols(self) -> tuple[Symbol, ...]:
        """What is traded, and the market that shows the peg."""
        peg = self.peg()
        return tuple(sorted({*self.symbols, *([peg.reference] if peg else [])}))

    def peg(self) -> PegPolicy | None:
        if self.peg_symbol is None:
            return None
        return PegPolicy(parse_symbol(self.peg_symbol), self.peg_tolerance_bps)

    def targets(self) -> TargetWeights:
        return TargetWeights({Asset(name): bps for name, bps in self.targets_bps.items()})

    def freshness(self) -> Freshness:
        return Freshness(self.quote_age_ms_max, self.balance_age_ms_max, self.rules_age_ms_max)

    def policy(self, venue: VenueSettings) -> RebalancePolicy:
        share = Decimal(0) if self.destination == "target" else Decimal(self.destination)
        return RebalancePolicy(
            drift_bps_min=self.drift_bps_min,
            destination_bps=int(share * BPS_WHOLE),
            reach_bps_max=self.reach_bps_max,
            taker_fee_bps=venue.taker_fee_bps,
            orders_max=self.orders_max,
            order_ttl_ms=self.order_ttl_ms,
            depth_share_bps_max=self.depth_share_bps_max,
            slices_max=self.slices_max,
            post_spread_bps_min=self.post_spread_bps_min,
            limits=self.risk_limits(),
        )

    def risk_limits(self) -> RiskLimits:
        return self.limits.limits(reach_bps_max=self.reach_bps_max, order_ttl_ms=self.order_ttl_ms)


def _sides_of(symbol: str) -> tuple[str, str]:
    parsed = parse_symbol(symbol)
    return parsed.base, parsed.quote
