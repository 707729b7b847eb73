"""The settings of a venue account and of a portfolio, and what they mean to the domain."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from rebalancer.drift import TargetWeights
from rebalancer.errors import BadConfig
from rebalancer.gate import GatePolicy
from rebalancer.money import BPS_WHOLE, Asset, Symbol, parse_symbol
from rebalancer.peg import PegPolicy
from rebalancer.plan import RebalancePolicy
from rebalancer.snapshot import Freshness


def _as_asset(name: object) -> object:
    """Environment names arrive in lower case; no venue lists an asset that is all lower case."""
    return name.upper() if isinstance(name, str) and name.islower() else name


def _sides_of(symbol: str) -> tuple[str, str]:
    parsed = parse_symbol(symbol)
    return parsed.base, parsed.quote


AssetName = Annotated[str, BeforeValidator(_as_asset), Field(pattern=r"^[A-Za-z0-9.$-]{1,24}$")]


class SettingsTable(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class VenueSettings(SettingsTable):
    """One account at one exchange."""

    exchange: str = Field(description="Any ccxt exchange id, such as binance, kraken or okx.")
    rest_url: str | None = Field(
        default=None,
        description="Replaces the venue's REST address, for a paper exchange or proxy.",
    )
    ws_url: str | None = Field(default=None, description="Replaces the venue's WebSocket address.")
    api_key: SecretStr | None = Field(default=None, description="Never in the file: see Secrets.")
    api_secret: SecretStr | None = Field(default=None, description="Never in the file.")
    api_passphrase: SecretStr | None = Field(
        default=None,
        description="Never in the file. Some venues (okx, kucoin) want a third secret.",
    )
    latency_ms_max: int = Field(
        default=150, ge=1, le=60_000, description="Orders wait while the venue answers slower."
    )
    urgency_override: Decimal = Field(
        default=Decimal("0.8"), gt=0, le=1, description="From this urgency on, latency is ignored."
    )
    hold_ms: int = Field(
        default=1_000,
        ge=10,
        le=60_000,
        description="How long a held order waits to be judged again.",
    )
    orders_per_second_max: int = Field(
        default=3, ge=1, le=10_000, description="Orders a second, over all processes and machines."
    )
    taker_fee_bps: int = Field(
        default=10,
        ge=0,
        le=1_000,
        description="Fee a taker pays, at worst; buys are sized with it.",
    )
    timeout_ms: int = Field(
        default=10_000, ge=100, le=20_000, description="An answer later than this is no answer."
    )

    def gate(self) -> GatePolicy:
        return GatePolicy(self.latency_ms_max, self.urgency_override, self.hold_ms)


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
    order_ttl_ms: int = Field(
        default=3_600_000, ge=1_000, le=86_400_000, description="An order older than this expires."
    )
    quote_age_ms_max: int = Field(default=60_000, ge=100, description="Oldest quote to trade on.")
    balance_age_ms_max: int = Field(default=60_000, ge=100, description="Oldest balance.")
    rules_age_ms_max: int = Field(
        default=172_800_000, ge=60_000, description="Oldest market rules; two days by default."
    )

    peg_symbol: str | None = Field(
        default=None,
        description="Market of the quote currency against another with the same peg, such as "
        "USDC/USDT. While it is off its peg, nothing is traded.",
    )
    peg_tolerance_bps: int = Field(
        default=100, ge=1, le=2_000, description="How far peg_symbol may trade from 1."
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
        )
