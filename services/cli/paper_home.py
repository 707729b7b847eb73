"""A home of its own for what runs on paper: claimed by one command at a time, with its settings.

Belongs here: which folder, which portfolio, which file. What then runs there is in `demo` and `up`.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from urllib.request import urlopen

from rebalancer.errors import BadConfig
from resources.embedded import prepare_home
from services.cli.paper_child import PaperAddress
from services.cli.terminal import note

FOLDER = "demo"
HOMES_MAX = 8
ANSWER_SECONDS = 10.0
FILE_NAME = "trimtab.toml"
PREFERRED = ("BTC", "ETH", "SOL", "BNB", "XRP", "ADA", "DOGE", "AVAX", "LINK", "DOT", "LTC")
STABLE = ("USDC", "USDT", "BUSD", "TUSD", "FDUSD", "DAI", "USDP")
WEIGHTS_BPS = {3: (4_000, 3_000, 1_500), 2: (5_000, 3_500), 1: (8_500,)}
WHOLE_BPS = 10_000


def base_home() -> Path:
    """TRIMTAB_HOME, or the folder that stands in for it."""
    told = os.environ.get("TRIMTAB_HOME")
    return Path(told).expanduser().absolute() if told else Path.home() / ".trimtab"


@contextmanager
def claimed_home() -> Iterator[Path]:
    """The first paper home that nobody uses, for as long as the block lasts.

    Two at once would trade one another's orders: each gets a home, servers and ports of its own.

    Raises:
        BadConfig: the folder cannot be written, or all of them are in use.
    """
    base = base_home()
    for number in range(1, HOMES_MAX + 1):
        home = base / (FOLDER if number == 1 else f"{FOLDER}-{number}")
        prepare_home(home)
        with (home / "claimed.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if number > 1:
                note(f"Another demo or up is at work in {base / FOLDER}: this one takes {home}.")
                note(f"To look at it: export TRIMTAB_CONFIG={home / FILE_NAME}")
            yield home
            return
    raise BadConfig(
        f"{base}: {HOMES_MAX} demos are running there already; end one of them, or set "
        "TRIMTAB_HOME to another folder"
    )


def last_paper_file() -> Path | None:
    """The settings of the newest demo or paper run, if there ever was one."""
    file = base_home() / FOLDER / FILE_NAME
    return file if file.exists() else None


def choose_targets(rest_url: str, *, prefer_usdt: bool) -> tuple[str, dict[str, int]]:
    """A portfolio over markets that the exchange lists: its quote, and its targets in bps.

    Raises:
        BadConfig: the exchange lists nothing such a portfolio could hold.
    """
    with urlopen(f"{rest_url}/api/v3/exchangeInfo", timeout=ANSWER_SECONDS) as answer:
        listed = json.load(answer)["symbols"]
    for quote in ("USDT", "USDC") if prefer_usdt else ("USDC", "USDT"):
        bases = {
            market["baseAsset"]
            for market in listed
            if market["quoteAsset"] == quote and market["status"] == "TRADING"
        } - set(STABLE)
        if bases:
            return quote, _weigh(sorted(bases, key=_preference), quote)
    raise BadConfig(
        "no market of the recording is in the market rules with a USDT or USDC quote; "
        "choose another --replay or --exchange-info"
    )


def _weigh(bases: Sequence[str], quote: str) -> dict[str, int]:
    chosen = bases[: max(WEIGHTS_BPS)]
    targets = dict(zip(chosen, WEIGHTS_BPS[len(chosen)], strict=True))
    return targets | {quote: WHOLE_BPS - sum(targets.values())}


def _preference(base: str) -> tuple[int, str]:
    return (PREFERRED.index(base) if base in PREFERRED else len(PREFERRED), base)


def write_paper_settings(
    home: Path,
    address: PaperAddress,
    *,
    quote: str,
    targets_bps: dict[str, int],
    paper: dict[str, str | int | Decimal | Path | None],
    ui_port: int | None = None,
) -> Path:
    """Write the settings file of a paper home, like trimtab.example.toml."""
    lines = [
        "# Written anew each time by `trimtab`. For your own, copy trimtab.example.toml.",
        f"home = {json.dumps(str(home))}",
        *([f"ui_port = {ui_port}"] if ui_port else []),
        "",
        "[paper]",
        *(f"{name} = {_toml(value)}" for name, value in paper.items() if value is not None),
        "",
        "[venues.paper]",
        'exchange = "binance"',
        f"rest_url = {json.dumps(address.rest_url)}",
        f"ws_url = {json.dumps(address.ws_url)}",
        # An order left in doubt by an earlier exchange that is gone must not hold its symbol long.
        "timeout_ms = 2000",
        "",
        "[drain]",
        "lease_ms = 10000",
        "",
        "[portfolios.core]",
        'venue = "paper"',
        f"quote = {json.dumps(quote)}",
        "drift_bps_min = 200",
        "",
        "[portfolios.core.targets_bps]",
        *(f"{asset} = {bps}" for asset, bps in targets_bps.items()),
    ]
    file = home / FILE_NAME
    draft = file.with_suffix(".draft")
    draft.write_text("\n".join(lines) + "\n", encoding="utf-8")
    draft.rename(file)
    return file


def _toml(value: str | int | Decimal | Path) -> str:
    if isinstance(value, int):
        return str(value)
    return f"{value:f}" if isinstance(value, Decimal) else json.dumps(str(value))
