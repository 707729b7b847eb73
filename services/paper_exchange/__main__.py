"""`python -m services.paper_exchange`: the exchange as a program of its own.

Belongs here: the command line and its exit codes (2: an option, a file or the port is wrong).
Does not belong here: anything an embedding program would want (`app`).
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from services.paper_exchange.app import run_paper
from services.paper_exchange.options import (
    BALANCES,
    PaperOptions,
    PaperRefused,
    read_balances,
    read_decimal,
)

EXIT_REFUSED = 2


def main() -> int:
    """Run until a signal; 2 when it cannot start."""
    try:
        run_paper(read_options())
    except PaperRefused as refused:
        sys.stderr.write(f"paper exchange: {refused}\n")
        return EXIT_REFUSED
    return 0


def read_options(arguments: Sequence[str] | None = None) -> PaperOptions:
    """The options of a command line; None takes the process's own.

    Raises:
        PaperRefused: A value is out of range or no number.
    """
    given = _parser().parse_args(arguments)
    return PaperOptions(
        host=given.host,
        port=given.port,
        seed=given.seed,
        replay=given.replay,
        speed=read_decimal("--speed", given.speed),
        start=given.start,
        exchange_info=given.exchange_info,
        journal=given.journal,
        balances=read_balances(given.balance) if given.balance else BALANCES,
        api_key=given.api_key,
        api_secret=given.api_secret,
        maker_fee_bps=read_decimal("--maker-fee-bps", given.maker_fee_bps),
        taker_fee_bps=read_decimal("--taker-fee-bps", given.taker_fee_bps),
        latency_ms=given.latency_ms,
        tick_ms=given.tick_ms,
        weight_per_minute_max=given.weight_per_minute_max,
        orders_per_10s_max=given.orders_per_10s_max,
        orders_per_day_max=given.orders_per_day_max,
        abuse_max=given.abuse_max,
        ban_ms=given.ban_ms,
        key_may_withdraw=given.key_may_withdraw,
        key_may_trade=not given.key_may_not_trade,
        key_ip_restricted=given.key_ip_restricted,
        faults=given.faults,
    )


def _parser() -> argparse.ArgumentParser:
    shown = argparse.ArgumentDefaultsHelpFormatter
    parser = argparse.ArgumentParser("paper_exchange", description=__doc__, formatter_class=shown)
    default = PaperOptions()
    add = parser.add_argument
    add("--host", default=default.host)
    add("--port", type=int, default=default.port, help="0 takes a free one")
    add("--seed", type=int, default=default.seed, help="chooses the synthetic market")
    add("--replay", type=Path, help="recorded candles, parquet or CSV; the last prices hold")
    add("--speed", default=str(default.speed), help="seconds of market per second")
    add("--start", help="first instant to replay, ISO 8601 in UTC")
    add("--exchange-info", type=Path, help="recorded exchangeInfo, .json or .json.gz")
    add("--journal", type=Path, help="append-only record of every request")
    add("--balance", action="append", metavar="ASSET=AMOUNT", help="may be given several times")
    add("--api-key", default=default.api_key)
    add("--api-secret", default=default.api_secret)
    add("--maker-fee-bps", default=str(default.maker_fee_bps))
    add("--taker-fee-bps", default=str(default.taker_fee_bps))
    add("--latency-ms", type=int, default=default.latency_ms)
    add("--tick-ms", type=int, default=default.tick_ms, help="0 holds every price still")
    add("--weight-per-minute-max", type=int, default=default.weight_per_minute_max)
    add("--orders-per-10s-max", type=int, default=default.orders_per_10s_max)
    add("--orders-per-day-max", type=int, default=default.orders_per_day_max)
    add("--abuse-max", type=int, default=default.abuse_max, help="requests into a 429 before 418")
    add("--ban-ms", type=int, default=default.ban_ms)
    add("--key-may-withdraw", action="store_true", help="what the key's rights say")
    add("--key-may-not-trade", action="store_true", help="its orders are refused with -2015")
    add(
        "--key-ip-restricted",
        action=argparse.BooleanOptionalAction,
        default=default.key_ip_restricted,
        help="whether the key's rights say that it is bound to addresses",
    )
    add("--faults", type=Path, help="scripted faults, a JSON list; see docs/paper-exchange.md")
    return parser


if __name__ == "__main__":
    sys.exit(main())
