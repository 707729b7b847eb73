"""Starting the paper exchange: prices, recordings, and errors a person can act on."""

import csv
import gzip
import json
import os
import signal
import socket
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from services.paper_exchange.__main__ import read_options
from services.paper_exchange.app import start_paper
from services.paper_exchange.auth import sign
from services.paper_exchange.calls import Call
from services.paper_exchange.exchange import Exchange
from services.paper_exchange.journal import Journal
from services.paper_exchange.markets import recorded_markets
from services.paper_exchange.options import PaperOptions, PaperRefused
from services.paper_exchange.replay import ReplayPrices, read_candles
from services.paper_exchange.routes import answer
from tests.plugins.paper import ROOT, PaperFactory

DATA = ROOT.parent / "shared" / "data"
CANDLES = DATA / "candles" / "binance_spot_5m_2025-01-01_2025-02-28.parquet"
DUMPS = sorted((DATA / "exchange_info").glob("*.json.gz"))
recorded = pytest.mark.skipif(not CANDLES.is_file(), reason=f"no recorded data at {DATA}")
COLUMNS = ("symbol", "open_time", "open", "high", "low", "close", "volume")


def run(*options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "services.paper_exchange", "--port", "0", *options]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False
    )


def write_candles(path: Path, rows: list[tuple[Any, ...]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return path


async def refuse(*options: str) -> str:
    """What an exchange that cannot start says: one line."""
    with pytest.raises(PaperRefused) as refused:
        await (await start_paper(read_options(["--port", "0", *options]))).stop()
    said = str(refused.value)
    assert "\n" not in said
    return said


def test_a_port_in_use_is_named_with_its_cure() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = run("--port", port)
    assert result.returncode == 2
    assert result.stderr.startswith(f"paper exchange: --port {port}: expected a free port")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("absent.parquet", None, "found none"),
        ("garbage.parquet", b"not parquet", "expected candles"),
        ("truncated.parquet", b"PAR1\x00\x00PAR1", "expected candles"),
        ("no_columns.csv", b"a,b\n1,2\n", "the column 'symbol'"),
        ("empty.csv", ",".join(COLUMNS).encode(), "at least one candle"),
        ("words.csv", f"{','.join(COLUMNS)}\nBTCUSDT,0,1,2,x,4,5\n".encode(), "expected candles"),
        ("nan.csv", f"{','.join(COLUMNS)}\nBTCUSDT,0,1,2,nan,4,5\n".encode(), "prices above 0"),
        ("short.csv", f"{','.join(COLUMNS)}\nBTCUSDT,0,1\n".encode(), "prices above 0"),
        ("binary.csv", b"\xff\xfe\x00symbol", "expected candles"),
    ],
)
async def test_a_wrong_recording_is_named_with_its_cure(
    tmp_path: Path, name: str, content: bytes | None, words: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    said = await refuse("--replay", str(path))
    assert str(path) in said
    assert words in said
    assert "give --replay" in said


def test_a_refusal_to_start_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    result = run("--replay", str(tmp_path / "absent.csv"))
    assert (result.returncode, len(result.stderr.splitlines())) == (2, 1)


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b"{}", b'{"symbols": []}', b"\x1f\x8bgzip", b'{"symbols": [{}]}']
)
async def test_a_wrong_exchange_info_is_named_with_its_cure(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "info.json"
    path.write_bytes(content)
    said = await refuse("--exchange-info", str(path))
    assert str(path) in said
    assert "give --exchange-info" in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--speed", "fast"), "--speed"),
        (("--speed", "0"), "--speed"),
        (("--balance", "BTC"), "ASSET=AMOUNT"),
        (("--balance", "BTC=-1"), "--balance BTC"),
        (("--maker-fee-bps", "NaN"), "--maker-fee-bps"),
        (("--latency-ms", "-5"), "--latency-ms"),
        (("--port", "99999"), "--port"),
        (("--api-key", ""), "--api-key"),
        (("--journal", "/proc/nowhere/journal"), "--journal"),
    ],
)
async def test_a_wrong_option_is_named(options: tuple[str, ...], words: str) -> None:
    assert words in await refuse(*options)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "services.paper_exchange", "--port", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["event"] == "listening"
        os.kill(process.pid, number)
        assert process.wait(10) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_the_same_seed_starts_the_same_market_and_another_another(
    make_paper: PaperFactory,
) -> None:
    first, second = make_paper("--tick-ms", "0"), make_paper("--tick-ms", "0")
    book = "/api/v3/depth?symbol=ETHUSDT"
    assert first.ask("GET", book) == second.ask("GET", book)


def test_a_restart_with_the_same_seed_and_requests_repeats_every_answer(tmp_path: Path) -> None:
    first, second = (play(tmp_path / name) for name in ("first.jsonl", "second.jsonl"))
    assert first == second
    assert sum(json.loads(line)["method"] == "POST" for line in first) == 20


def play(journal: Path) -> list[str]:
    """The journal of an exchange whose clock stands still, after some ticks and orders."""
    options = PaperOptions(seed=7, journal=journal)
    exchange = Exchange(options, clock=lambda: 1_700_000_000_000)
    for tick in range(1, 21):
        for name in exchange.advance(tick):
            exchange.requote(name)
        side, price = ("BUY", "61245.5") if tick % 2 else ("SELL", "61255.5")
        order = (
            f"symbol=BTCUSDC&side={side}&type=LIMIT&timeInForce=GTC&quantity=0.001&price={price}"
        )
        payload = f"{order}&timestamp={exchange.clock()}"
        params = dict(parse_qsl(payload)) | {"signature": sign(payload, options.api_secret)}
        now_ms = exchange.clock()
        call = Call("POST", "/api/v3/order", params, payload, options.api_key, now_ms, now_ms)
        assert answer(exchange, call).status == 200
    exchange.journal.close()
    return journal.read_text().splitlines()


def test_a_journal_that_goes_on_keeps_its_numbers(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    for _ in range(2):
        journal = Journal(path)
        journal.record({"method": "GET"})
        journal.close()
    assert [json.loads(line)["seq"] for line in path.read_text().splitlines()] == [1, 2]


async def test_a_csv_recording_is_quoted_exactly_as_recorded(tmp_path: Path) -> None:
    rows = [
        ("BTCUSDT", 0, "100.5", "110", "90.25", "105.75", "1"),
        ("BTCUSDT", 60_000, "105.75", "120", "80", "85", "1"),
        ("ETHUSDT", "1970-01-01T00:01:00+00:00", "10", "11", "9", "10.5", "1"),
    ]
    candles = read_candles(write_candles(tmp_path / "c.csv", rows))
    prices = ReplayPrices(candles, speed=Decimal(15), tick_ms=1000, start=None)
    walked = [prices.mids(tick)["BTCUSDT"] for tick in range(6)]
    # It starts where every symbol has a price, walks open-high-low-close, and holds at the end.
    assert walked == [Decimal(text) for text in ("105.75", "120", "80", "85", "85", "85")]
    with pytest.raises(PaperRefused, match="--start"):
        ReplayPrices(candles, speed=Decimal(1), tick_ms=1000, start="2031-01-01")


async def test_rules_without_any_recorded_symbol_are_refused(tmp_path: Path) -> None:
    candles = write_candles(tmp_path / "c.csv", [("XXXYYY", 0, "1", "1", "1", "1", "1")])
    with pytest.raises(PaperRefused, match="XXXYYY"):
        await start_paper(PaperOptions(port=0, replay=candles))


@recorded
def test_recorded_candles_start_at_their_first_common_instant(make_paper: PaperFactory) -> None:
    paper = make_paper("--tick-ms", "0", "--replay", str(CANDLES))
    state = paper.state()
    assert state["mids"]["BTCUSDT"].startswith("93")
    assert len(state["mids"]) == 12
    best = paper.ask("GET", "/api/v3/ticker/bookTicker?symbol=BTCUSDT")
    mid = Decimal(state["mids"]["BTCUSDT"])
    assert Decimal(best["bidPrice"]) < mid < Decimal(best["askPrice"])


@recorded
def test_a_recording_moves_with_its_speed(make_paper: PaperFactory) -> None:
    paper = make_paper("--replay", str(CANDLES), "--speed", "86400", "--start", "2025-02-01")
    first = paper.state()
    while (later := paper.state())["tick"] < first["tick"] + 2:
        assert later["tick"] >= first["tick"]
    assert later["mids"] != first["mids"]
    assert "2025-02-01 00:00" in first["prices"]


@recorded
@pytest.mark.parametrize("dump", [DUMPS[0], DUMPS[-1]] if DUMPS else [], ids=lambda dump: dump.name)
def test_recorded_rules_are_served_as_recorded(make_paper: PaperFactory, dump: Path) -> None:
    paper = make_paper("--tick-ms", "0", "--exchange-info", str(dump), "--replay", str(CANDLES))
    served = {s["symbol"]: s for s in paper.ask("GET", "/api/v3/exchangeInfo")["symbols"]}
    raw = json.loads(gzip.decompress(dump.read_bytes()))
    written = {s["symbol"]: s for s in raw["symbols"]}
    assert served
    assert all(served[name] == written[name] for name in served)


@recorded
@pytest.mark.parametrize("dump", DUMPS, ids=lambda dump: dump.name)
def test_every_recorded_exchange_info_is_read(dump: Path) -> None:
    markets = recorded_markets(dump)
    assert markets["BTCUSDT"].price_step == Decimal("0.01")
    assert all(market.amount_step > 0 for market in markets.values())
