"""How a paper exchange is started. Every knob, its default and what is allowed.

Belongs here: the options and the error that a wrong one causes.
Does not belong here: reading the command line (`__main__`) or acting on an option.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

from rebalancer.money import to_decimal

FEE_BPS_MAX = 1_000
LATENCY_MS_MAX = 60_000
PORT_MAX = 65_535

BALANCES: Mapping[str, Decimal] = MappingProxyType(
    {
        # Far from any sensible target on purpose: a first rebalance has something to do.
        "BTC": Decimal("0.6"),
        "ETH": Decimal("4"),
        "SOL": Decimal("20"),
        "USDC": Decimal("20000"),
        "USDT": Decimal("20000"),
    }
)


class PaperRefused(Exception):
    """The exchange cannot start: one sentence naming the thing, what was expected and the cure."""


@dataclass(frozen=True, slots=True)
class PaperOptions:
    """What one paper exchange is made of.

    Attributes:
        host: Address to bind; loopback unless somebody decides otherwise.
        port: Port to bind; 0 takes a free one.
        seed: Chooses the synthetic market; the same seed gives the same prices tick by tick.
        replay: Recorded candles (parquet or CSV) to take prices from instead.
        speed: Seconds of recorded market per second of wall time.
        start: First recorded instant to replay (ISO 8601, UTC); None takes the first common one.
        exchange_info: Recorded `exchangeInfo` (JSON, may be .gz) to take the market rules from.
        journal: Append-only file of every request and its outcome; None keeps none.
        balances: What the user's account holds at the start.
        api_key: The key the exchange accepts.
        api_secret: The secret that signs with it.
        maker_fee_bps: Fee of a resting order, taken from what it receives.
        taker_fee_bps: Fee of an order that takes liquidity, taken from what it receives.
        latency_ms: Time every HTTP request takes, half on the way in and half on the way out.
        tick_ms: Wall time between two price ticks; 0 holds every price still.
        weight_per_minute_max: Request weight allowed per minute before 429.
        orders_per_10s_max: New orders allowed per ten seconds before 429.
        orders_per_day_max: New orders allowed per day before 429.
        abuse_max: Requests sent into a 429 before the address is banned with 418.
        ban_ms: How long a ban lasts.
        key_may_withdraw: What `apiRestrictions` says of the key's right to withdraw.
        key_may_trade: Whether the key may trade; its orders are refused with -2015 when not.
        key_ip_restricted: What `apiRestrictions` says of the key's address list.
        faults: Scripted faults, a JSON list of `{"at_ms": …, "kind": …}`; None scripts none.
    """

    host: str = "127.0.0.1"
    port: int = 8090
    seed: int = 1
    replay: Path | None = None
    speed: Decimal = Decimal(1)
    start: str | None = None
    exchange_info: Path | None = None
    journal: Path | None = None
    balances: Mapping[str, Decimal] = field(default_factory=lambda: BALANCES)
    api_key: str = "paper"
    api_secret: str = "paper-secret"
    maker_fee_bps: Decimal = Decimal(10)
    taker_fee_bps: Decimal = Decimal(10)
    latency_ms: int = 0
    tick_ms: int = 500
    weight_per_minute_max: int = 6_000
    orders_per_10s_max: int = 100
    orders_per_day_max: int = 200_000
    abuse_max: int = 20
    ban_ms: int = 120_000
    key_may_withdraw: bool = False
    key_may_trade: bool = True
    key_ip_restricted: bool = False
    faults: Path | None = None

    def __post_init__(self) -> None:
        _within("--port", self.port, 0, PORT_MAX)
        _within("--latency-ms", self.latency_ms, 0, LATENCY_MS_MAX)
        _within("--tick-ms", self.tick_ms, 0, LATENCY_MS_MAX)
        _within("--maker-fee-bps", self.maker_fee_bps, 0, FEE_BPS_MAX)
        _within("--taker-fee-bps", self.taker_fee_bps, 0, FEE_BPS_MAX)
        for name in ("weight_per_minute_max", "orders_per_10s_max", "orders_per_day_max"):
            _within(f"--{name.replace('_', '-')}", getattr(self, name), 1, 10**9)
        _within("--abuse-max", self.abuse_max, 1, 10**9)
        _within("--ban-ms", self.ban_ms, 1, 10**9)
        _within("--speed", self.speed, Decimal("0.001"), 10**6)
        for asset, amount in self.balances.items():
            _within(f"--balance {asset}", amount, 0, 10**15)
        if not self.api_key or not self.api_secret:
            raise PaperRefused(
                "--api-key and --api-secret: expected some text, was empty;"
                " leave both out for the defaults"
            )


def read_decimal(name: str, text: str) -> Decimal:
    """A number given by a person. `name` is what the error calls it."""
    try:
        return to_decimal(text)
    except ValueError:
        raise PaperRefused(f"{name}: expected a number such as 10 or 0.5, was {text!r}") from None


def read_balances(texts: list[str]) -> Mapping[str, Decimal]:
    """Balances written as ASSET=AMOUNT."""
    balances: dict[str, Decimal] = {}
    for text in texts:
        asset, equals, amount = text.partition("=")
        if not equals or not asset.isalnum():
            raise PaperRefused(f"--balance: expected ASSET=AMOUNT such as BTC=0.6, was {text!r}")
        balances[asset.upper()] = read_decimal(f"--balance {asset}", amount)
    return balances


def _within(name: str, value: Decimal | int, lowest: Decimal | int, highest: Decimal | int) -> None:
    if not lowest <= value <= highest:
        raise PaperRefused(f"{name}: expected {lowest} to {highest}, was {value}")
