"""The caps of a portfolio, as they are set, and what they mean to the domain."""

from pydantic import Field

from rebalancer.money import BPS_WHOLE
from rebalancer.risk import RiskLimits
from resources.settings_table import Amount, SettingsTable


class LimitsSettings(SettingsTable):
    """The caps of one portfolio. They cut orders or keep them back; nothing gets past them."""

    order_quote_max: Amount | None = Field(
        default=None, description="Most that one order may be worth, in the quote currency."
    )
    cycle_share_bps_max: int | None = Field(
        default=None,
        ge=1,
        le=2 * BPS_WHOLE,
        description="Most that one cycle may trade, buys and sells together, as a share of the "
        "portfolio's value.",
    )
    turnover_quote_day_max: Amount | None = Field(
        default=None, description="Most that may be traded in a day, by UTC."
    )
    open_orders_max: int | None = Field(
        default=None, ge=1, le=500, description="Most orders under way at once."
    )
    collar_bps_max: int | None = Field(
        default=None,
        ge=1,
        le=2_000,
        description="Furthest that an order's worst price may be from the mid it was planned at; "
        "at least reach_bps_max, and equal to it when left out.",
    )
    input_age_ms_max: int | None = Field(
        default=None,
        ge=100,
        description="Oldest price or balance to plan on, and longest that a planned order may "
        "wait to be sent; order_ttl_ms when left out.",
    )

    def limits(self, *, reach_bps_max: int, order_ttl_ms: int) -> RiskLimits:
        return RiskLimits(
            order_quote_max=self.order_quote_max,
            cycle_share_bps_max=self.cycle_share_bps_max,
            turnover_quote_day_max=self.turnover_quote_day_max,
            open_orders_max=self.open_orders_max,
            collar_bps_max=self.collar_bps_max or reach_bps_max,
            input_age_ms_max=self.input_age_ms_max or order_ttl_ms,
        )
