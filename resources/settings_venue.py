"""The settings of a venue account, and what they mean to the domain."""

from decimal import Decimal

from pydantic import Field, SecretStr

from rebalancer.credentials import KeyPolicy
from rebalancer.gate import GatePolicy
from rebalancer.money import BPS_WHOLE
from rebalancer.queue import CallKind
from resources.rate_limit import (
    BURST_PERCENT,
    LIMIT_MAX,
    MINUTE_US,
    REFILL_PERCENT,
    RESERVE_PERCENT,
    RateLimit,
    RateWindow,
    share_minute,
)
from resources.settings_table import Address, SettingsTable

REQUEST_WEIGHTS_MAX = {"binance": 3_000, "binanceus": 600}
REQUEST_WEIGHT_ELSEWHERE = 300
"""Careful, where no venue's documentation was read: as many as 3 orders a second need."""
REQUEST_WEIGHT_MIN = 100
CALL_WEIGHT_MAX = 20
LOOK_UP_PERCENT = 60
"""Of the weight: the most that look-ups take, however many orders are silent. They go ahead of new
orders, so without a bound they would take all that is earned, and nothing new would ever leave."""
# The heaviest order must fit what the smallest budget lets new orders take at once.
assert CALL_WEIGHT_MAX * 100 <= REQUEST_WEIGHT_MIN * (BURST_PERCENT - RESERVE_PERCENT)
# And so must the heaviest look-up fit their share; after a loss it begins with the reserve.
assert CALL_WEIGHT_MAX * 10_000 <= REQUEST_WEIGHT_MIN * BURST_PERCENT * LOOK_UP_PERCENT
assert RESERVE_PERCENT * 100 < BURST_PERCENT * LOOK_UP_PERCENT


class VenueSettings(SettingsTable):
    """One account at one exchange."""

    exchange: str = Field(description="Any ccxt exchange id, such as binance, kraken or okx.")
    rest_url: Address | None = Field(
        default=None,
        description="Replaces the venue's REST address, for a paper exchange or proxy.",
    )
    ws_url: Address | None = Field(
        default=None, description="Replaces the venue's WebSocket address."
    )
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
    spread_bps_max: int | None = Field(
        default=None,
        ge=1,
        le=BPS_WHOLE,
        description="Orders wait while the spread is wider, however urgent. Unset: not judged.",
    )
    depth_cover_bps_min: int | None = Field(
        default=None,
        ge=1,
        le=10 * BPS_WHOLE,
        description="Orders wait until the order book holds this share of the order up to its "
        "limit price, however urgent. Unset: not judged.",
    )
    book_age_ms_max: int = Field(
        default=5_000, ge=100, le=60_000, description="Oldest order book that is believed."
    )
    post_ms: int = Field(
        default=10_000,
        ge=100,
        le=600_000,
        description="How long an order waits in the book before it crosses.",
    )
    orders_per_second_max: int = Field(
        default=3, ge=1, le=10_000, description="Orders a second, over all processes and machines."
    )
    request_weight_per_minute_max: int | None = Field(
        default=None,
        ge=REQUEST_WEIGHT_MIN,
        le=LIMIT_MAX,
        description="Weight of orders, their books, look-ups and cancels a minute, over all "
        "processes and machines; look-ups take at most 60 % of it. By default 3000 on Binance, "
        "half of what it allows an address, 600 on Binance US, and 300 elsewhere.",
    )
    order_weight: int = Field(
        default=1, ge=0, le=CALL_WEIGHT_MAX, description="Weight of sending an order."
    )
    look_up_weight: int = Field(
        default=10,
        ge=0,
        le=CALL_WEIGHT_MAX,
        description="Weight of asking what became of an order, with its trades.",
    )
    book_weight: int = Field(
        default=5, ge=0, le=CALL_WEIGHT_MAX, description="Weight of reading an order book."
    )
    cancel_weight: int = Field(
        default=1, ge=0, le=CALL_WEIGHT_MAX, description="Weight of cancelling an order."
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

    allow_unreadable_rights: bool = Field(
        default=False,
        description="Trade even where the venue does not tell whether the key may withdraw.",
    )
    require_ip_binding: bool = Field(
        default=False, description="Refuse a key that the venue lets in from any address."
    )

    def key_policy(self) -> KeyPolicy:
        return KeyPolicy(self.allow_unreadable_rights, self.require_ip_binding)

    def gate(self) -> GatePolicy:
        return GatePolicy(
            latency_ms_max=self.latency_ms_max,
            urgency_override=self.urgency_override,
            hold_ms=self.hold_ms,
            spread_bps_max=self.spread_bps_max,
            depth_cover_bps_min=self.depth_cover_bps_min,
            book_age_ms_max=self.book_age_ms_max,
        )

    def rates(self) -> RateLimit:
        """What may be sent in a time: orders a second, and the weight of all calls a minute."""
        weight_max = self.request_weight_per_minute_max or REQUEST_WEIGHTS_MAX.get(
            self.exchange, REQUEST_WEIGHT_ELSEWHERE
        )
        costs = {
            CallKind.ORDER: self.order_weight,
            CallKind.BOOK: self.book_weight,
            CallKind.LOOK_UP: self.look_up_weight,
            CallKind.CANCEL: self.cancel_weight,
        }
        # Few orders leave at an even distance; of many a second, a hundredth may leave at once.
        burst = max(1, self.orders_per_second_max // 100)
        return RateLimit(
            self.orders_per_second_max - burst + 1,
            burst,
            further=(
                share_minute(weight_max, costs),
                _share_of_look_ups(weight_max, self.look_up_weight),
            ),
        )


def _share_of_look_ups(weight_max: int, look_up_weight: int) -> RateWindow:
    """What look-ups may take of a minute's weight, so that the rest of it is left to new orders."""
    return RateWindow(
        name="look-ups",
        window_us=MINUTE_US,
        burst=weight_max * BURST_PERCENT * LOOK_UP_PERCENT // 10_000,
        refill=weight_max * REFILL_PERCENT * LOOK_UP_PERCENT // 10_000,
        costs={CallKind.LOOK_UP: look_up_weight},
        reserve=weight_max * RESERVE_PERCENT // 100,
    )
