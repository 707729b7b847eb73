"""The options of `trimtab paper serve`, one for one those of the exchange."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.paper_serve import ServeOptions, serve

KeyMayWithdraw = Annotated[
    bool | None, typer.Option("--key-may-withdraw", help="What the key's rights say.")
]
KeyMayTrade = Annotated[
    bool | None,
    typer.Option(
        "--key-may-trade/--key-may-not-trade", help="Its orders are refused with -2015 if not."
    ),
]
KeyIpRestricted = Annotated[
    bool | None,
    typer.Option("--key-ip-restricted/--no-key-ip-restricted", help="What the key's rights say."),
]

paper = typer.Typer(name="paper", help="The paper exchange by itself.", no_args_is_help=True)


@paper.callback()
def _paper() -> None:
    """The paper exchange by itself."""


@paper.command("serve")
def serve_command(
    host: Annotated[str | None, typer.Option(help="Address to bind (default 127.0.0.1).")] = None,
    port: Annotated[int | None, typer.Option(help="0 takes a free one (default 8090).")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Chooses the synthetic market (default 1).")
    ] = None,
    replay: Annotated[Path | None, typer.Option(help="Recorded candles, parquet or CSV.")] = None,
    speed: Annotated[
        str | None, typer.Option(help="Seconds of market per second (default 1).")
    ] = None,
    start: Annotated[
        str | None, typer.Option(help="First instant to replay, ISO 8601 in UTC.")
    ] = None,
    exchange_info: Annotated[
        Path | None, typer.Option(help="Recorded exchangeInfo, .json or .json.gz.")
    ] = None,
    journal: Annotated[
        Path | None, typer.Option(help="Append-only record of every request.")
    ] = None,
    balance: Annotated[
        list[str] | None, typer.Option(metavar="ASSET=AMOUNT", help="May be given several times.")
    ] = None,
    api_key: Annotated[str | None, typer.Option(help="The key it accepts (default paper).")] = None,
    api_secret: Annotated[
        str | None, typer.Option(help="The secret that signs with it (default paper-secret).")
    ] = None,
    maker_fee_bps: Annotated[
        str | None, typer.Option(help="Fee of a resting order (default 10).")
    ] = None,
    taker_fee_bps: Annotated[str | None, typer.Option(help="Fee of a taker (default 10).")] = None,
    latency_ms: Annotated[
        int | None, typer.Option(help="Time every request takes (default 0).")
    ] = None,
    tick_ms: Annotated[
        int | None, typer.Option(help="0 holds every price still (default 500).")
    ] = None,
    weight_per_minute_max: Annotated[int | None, typer.Option(help="Weight before 429.")] = None,
    orders_per_10s_max: Annotated[int | None, typer.Option(help="Orders before 429.")] = None,
    orders_per_day_max: Annotated[int | None, typer.Option(help="Orders before 429.")] = None,
    abuse_max: Annotated[int | None, typer.Option(help="Requests into a 429 before 418.")] = None,
    ban_ms: Annotated[int | None, typer.Option(help="How long a ban lasts.")] = None,
    key_may_withdraw: KeyMayWithdraw = None,
    key_may_trade: KeyMayTrade = None,
    key_ip_restricted: KeyIpRestricted = None,
    faults: Annotated[
        Path | None, typer.Option(help="Scripted faults, a JSON list; see docs/paper-exchange.md.")
    ] = None,
) -> None:
    """Serve a paper exchange until Ctrl-C."""
    serve(ServeOptions(**dict(locals())))
