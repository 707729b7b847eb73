"""`trimtab paper serve`: the paper exchange alone, in this process."""

from dataclasses import dataclass
from pathlib import Path

from services.cli.failures import CommandFailed, Exit


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """The exchange's options as they were typed; None leaves its own default."""

    host: str | None
    port: int | None
    seed: int | None
    replay: Path | None
    speed: str | None
    start: str | None
    exchange_info: Path | None
    journal: Path | None
    balance: list[str] | None
    api_key: str | None
    api_secret: str | None
    maker_fee_bps: str | None
    taker_fee_bps: str | None
    latency_ms: int | None
    tick_ms: int | None
    weight_per_minute_max: int | None
    orders_per_10s_max: int | None
    orders_per_day_max: int | None
    abuse_max: int | None
    ban_ms: int | None
    key_may_withdraw: bool | None
    key_may_trade: bool | None
    key_ip_restricted: bool | None
    faults: Path | None


def serve(told: ServeOptions) -> None:
    """Serve until a signal."""
    from services.paper_exchange.app import run_paper
    from services.paper_exchange.options import (
        PaperOptions,
        PaperRefused,
        read_balances,
        read_decimal,
    )

    given = {name: value for name in told.__slots__ if (value := getattr(told, name)) is not None}
    try:
        if balances := given.pop("balance", None):
            given["balances"] = read_balances(balances)
        for name in ("speed", "maker_fee_bps", "taker_fee_bps"):
            if name in given:
                given[name] = read_decimal(f"--{name.replace('_', '-')}", given[name])
        run_paper(PaperOptions(**given))
    except PaperRefused as refused:
        is_port = str(refused).startswith("--port") and "free port" in str(refused)
        raise CommandFailed(str(refused), Exit.UNAVAILABLE if is_port else Exit.BAD_INPUT) from None
