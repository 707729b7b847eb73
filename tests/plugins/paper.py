"""A real paper exchange for tests: its own process, its own port, its own journal.

Belongs here: starting and ending one, its control requests, reading its journal.
Does not belong here: assertions.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

API_KEY = "paper"
API_SECRET = "paper-secret"
ANSWER_SECONDS = 10
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class PaperProcess:
    """A running paper exchange."""

    url: str
    ws_url: str
    journal: Path
    pid: int

    def journal_lines(self, *, method: str = "", path_end: str = "") -> list[dict[str, Any]]:
        """Lines of the journal, oldest first; only those of a method and a path's end."""
        lines = [json.loads(line) for line in self.journal.read_text().splitlines()]
        return [
            line
            for line in lines
            if method in ("", line["method"]) and line["path"].endswith(path_end)
        ]

    def set_quote(self, symbol: str, **fields: str | int | None) -> None:
        """Put raw ticker fields over the real ones, such as bidPrice="NaN"; None removes one."""
        self.ask("POST", "/paper/quote", {"symbol": symbol, "fields": fields})

    def clear_quotes(self) -> None:
        self.ask("DELETE", "/paper/quote")

    def set_latency_ms(self, latency_ms: int) -> None:
        self.ask("POST", "/paper/latency", {"ms": latency_ms})

    def move_price(self, symbol: str, bps: int) -> None:
        self.ask("POST", "/paper/price", {"symbol": symbol, "bps": bps})

    def forget_limits(self) -> None:
        """Start the rate limits over."""
        self.ask("POST", "/paper/limits/forget")

    def set_fault(self, kind: str, **fields: Any) -> int:
        """Set a fault; its number. See docs/paper-exchange.md for the kinds and their fields."""
        return int(self.ask("POST", "/paper/faults", {"kind": kind, **fields})["id"])

    def clear_faults(self, fault_id: int | None = None) -> None:
        """End one fault, or all."""
        self.ask("DELETE", "/paper/faults" + (f"?id={fault_id}" if fault_id else ""))

    def faults(self) -> dict[str, Any]:
        """Every fault with how often it fired, and the totals by kind."""
        return self.ask("GET", "/paper/faults")

    def journal_events(self, event: str) -> list[dict[str, Any]]:
        """What happened without a request of its own: trade, end, order, deposit, rules."""
        return [line for line in self.journal_lines() if line.get("event") == event]

    def state(self) -> dict[str, Any]:
        return self.ask("GET", "/paper/state")

    def totals(self) -> dict[str, Decimal]:
        """Each asset over all accounts; only a deposit changes it."""
        return {asset: Decimal(text) for asset, text in self.state()["totals"].items()}

    def ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.url + path, data=data, method=method)
        with urlopen(request, timeout=ANSWER_SECONDS) as answer:
            answered: dict[str, Any] = json.loads(answer.read())
        return answered


PaperFactory = Callable[..., PaperProcess]


@contextmanager
def running_papers(folder: Path) -> Iterator[PaperFactory]:
    """Exchanges with their journals in `folder`; all ended at the end of the block."""
    processes: list[subprocess.Popen[str]] = []

    def make(*options: str) -> PaperProcess:
        journal = folder / f"journal-{len(processes)}.jsonl"
        process = _start(journal, options)
        processes.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"the paper exchange did not start: {_errors(journal).read_text()}"
        told = json.loads(line)
        return PaperProcess(told["url"], told["ws_url"], journal, process.pid)

    try:
        yield make
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            with process:  # Closes its pipe and waits for its end.
                process.wait(ANSWER_SECONDS)


@pytest.fixture
def make_paper(tmp_path: Path) -> Iterator[PaperFactory]:
    """Start exchanges with options of their own: `make_paper("--tick-ms", "0")`."""
    with running_papers(tmp_path) as make:
        yield make


@pytest.fixture
def paper(make_paper: PaperFactory) -> PaperProcess:
    """A fresh paper exchange with its default, moving market."""
    return make_paper()


def point_at(urls: Any, paper_url: str) -> Any:
    """A ccxt client's `urls["api"]`, with every host replaced by the paper exchange's."""
    if isinstance(urls, Mapping):
        return {key: point_at(value, paper_url) for key, value in urls.items()}
    split = urlsplit(urls)
    scheme = "ws" if split.scheme.startswith("ws") else "http"
    return f"{scheme}://{urlsplit(paper_url).netloc}{split.path}"


def client_options(**more: Any) -> dict[str, Any]:
    """What a ccxt binance client is made with to trade here."""
    return {
        "apiKey": API_KEY,
        "secret": API_SECRET,
        "enableRateLimit": False,
        "options": {
            "fetchMarkets": {"types": ["spot"]},
            "fetchMargins": False,
            "fetchCurrencies": False,
        },
        **more,
    }


def _start(journal: Path, options: tuple[str, ...]) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "services.paper_exchange", "--port", "0"]
    with _errors(journal).open("w") as errors:
        return subprocess.Popen(
            [*command, "--journal", str(journal), *options],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )


def _errors(journal: Path) -> Path:
    return journal.with_suffix(".stderr")
