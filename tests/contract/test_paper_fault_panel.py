"""Setting, counting, ending and scripting faults; and what a key may do."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import ccxt
import pytest

from services.paper_exchange.__main__ import read_options
from services.paper_exchange.app import start_paper
from services.paper_exchange.fault_kinds import KINDS
from services.paper_exchange.options import PaperRefused
from tests.plugins.paper import (
    PaperFactory,
    PaperProcess,
    client_options,
    point_at,
    running_papers,
)

DEADLINE_SECONDS = 10
TIME = {"path": "/api/v3/time"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaperProcess]:
    with running_papers(tmp_path_factory.mktemp("paper")) as make:
        yield make("--tick-ms", "0")


@pytest.fixture
def paper(shared: PaperProcess) -> PaperProcess:
    shared.clear_faults()
    return shared


def make_client(paper: PaperProcess) -> Any:
    client = ccxt.binance(client_options())
    client.number = str
    client.urls["api"] = point_at(client.urls["api"], paper.url)
    return client


def status_of(paper: PaperProcess, path: str = "/api/v3/time") -> int:
    try:
        with urlopen(paper.url + path, timeout=DEADLINE_SECONDS) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code


def refusal_of(paper: PaperProcess, method: str, path: str, body: object = None) -> str:
    with pytest.raises(HTTPError, match="400") as refused:
        paper.ask(method, path, body)
    with refused.value:
        return str(json.loads(refused.value.read())["msg"])


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({}, ["kind: expected one of", "accept_then_timeout", "silent_sockets", "None"]),
        ({"kind": "nothing"}, ["kind: expected one of", "'nothing'"]),
        ({"kind": 7}, ["kind: expected one of"]),
        ({"kind": "close_before", "count": 0}, ["count: expected a whole number", "was 0"]),
        ({"kind": "close_before", "count": True}, ["count"]),
        ({"kind": "close_before", "for_ms": "long"}, ["for_ms"]),
        ({"kind": "close_before", "probability": 0.3}, ["probability", "written as text"]),
        ({"kind": "close_before", "probability": "1.5"}, ["probability"]),
        ({"kind": "close_before", "probability": "NaN"}, ["probability"]),
        ({"kind": "close_before", "seed": -1}, ["seed"]),
        ({"kind": "close_before", "hold_ms": 5}, ["hold_ms: close_before does not take it"]),
        ({"kind": "close_before", "match": []}, ["match: expected an object"]),
        ({"kind": "close_before", "match": {"host": "a"}}, ["match"]),
        ({"kind": "close_before", "match": {"method": "PATCH"}}, ["match.method", "DELETE"]),
        ({"kind": "close_before", "match": {"path": "/paper/x"}}, ["match.path"]),
        ({"kind": "close_before", "match": {"symbol": "NOSUCH"}}, ["match.symbol", "BTCUSDC"]),
        ({"kind": "status_after"}, ["status: expected one of 500", "None"]),
        ({"kind": "status_after", "status": 400}, ["status"]),
        ({"kind": "code", "code": "-1007"}, ["code: expected a whole number"]),
        ({"kind": "partial_fill", "share": "2"}, ["share"]),
        ({"kind": "clock_skew", "skew_ms": 1, "match": TIME}, ["match: clock_skew does not"]),
        ({"kind": "refuse_connections"}, ["for_ms: expected 1 to 600000"]),
        ({"kind": "rules_changed", "symbol": "BTCUSDC"}, ["step_size, tick_size or min_notional"]),
        ({"kind": "rules_changed", "symbol": "X", "step_size": "1"}, ["symbol", "BTCUSDC"]),
        ({"kind": "rules_changed", "symbol": "BTCUSDC", "step_size": "0"}, ["step_size"]),
        ({"kind": "deposit", "asset": "NOSUCH", "amount": "1"}, ["asset: expected one of"]),
        ({"kind": "deposit", "asset": "BTC", "amount": "-9999"}, ["amount: expected at least"]),
        ({"kind": "deposit", "asset": "BTC", "amount": "1", "for_ms": 9}, ["for_ms: deposit does"]),
        (
            {"kind": "foreign_order", "symbol": "BTCUSDC", "side": "BUY", "quantity": "1"}
            | {"price": "61250.001"},
            ["foreign_order", "-1013", "PRICE_FILTER"],
        ),
    ],
    ids=str,
)
def test_a_wrong_fault_is_named_with_what_was_expected(
    paper: PaperProcess, fault: dict[str, Any], words: list[str]
) -> None:
    before = paper.state()["accounts"]
    said = refusal_of(paper, "POST", "/paper/faults", fault)
    assert [word for word in words if word not in said] == [], said
    assert paper.state()["accounts"] == before


def test_a_fault_fires_as_often_as_it_was_told_and_is_counted(paper: PaperProcess) -> None:
    fault = paper.set_fault("status_before", status=503, count=2, match=TIME)
    assert [status_of(paper) for _ in range(4)] == [503, 503, 200, 200]
    (shown,) = [f for f in paper.faults()["faults"] if f["id"] == fault]
    assert (shown["kind"], shown["fired"], shown["left"]) == ("status_before", 2, 0)
    assert paper.faults()["fired"]["status_before"] >= 2


def test_an_unlimited_fault_lasts_until_it_is_cleared(paper: PaperProcess) -> None:
    first = paper.set_fault("status_before", status=503, count=None, match=TIME)
    second = paper.set_fault("status_before", status=502, count=None, match=TIME)
    assert [status_of(paper) for _ in range(3)] == [503] * 3
    paper.clear_faults(first)
    assert status_of(paper) == 502
    paper.clear_faults()
    assert status_of(paper) == 200
    for number in (first, second, 999_999):
        assert "no fault" in refusal_of(paper, "DELETE", f"/paper/faults?id={number}")
    assert "number of a fault" in refusal_of(paper, "DELETE", "/paper/faults?id=first")


def test_a_fault_ends_after_its_time(paper: PaperProcess) -> None:
    paper.set_fault("status_before", status=503, count=None, for_ms=400, match=TIME)
    assert status_of(paper) == 503
    end = time.monotonic() + DEADLINE_SECONDS
    while status_of(paper) == 503:
        assert time.monotonic() < end


def test_a_seed_names_every_draw(paper: PaperProcess) -> None:
    def draw(seed: int) -> list[int]:
        paper.clear_faults()
        paper.set_fault(
            "status_before", status=503, count=None, match=TIME, probability="0.3", seed=seed
        )
        return [status_of(paper) for _ in range(40)]

    assert draw(5) == draw(5)
    assert draw(5) != draw(6)
    assert 1 <= draw(5).count(503) <= 30


def test_a_fault_meets_only_its_symbol(paper: PaperProcess) -> None:
    path = "/api/v3/ticker/price"
    paper.set_fault(
        "status_before", status=503, count=None, match={"path": path, "symbol": "ETHUSDC"}
    )
    assert status_of(paper, f"{path}?symbol=BTCUSDC") == 200
    assert status_of(paper, f"{path}?symbol=ETHUSDC") == 503


def test_every_change_of_a_fault_is_written_down(paper: PaperProcess) -> None:
    fault = paper.set_fault("close_before")
    paper.clear_faults(fault)
    set_line, cleared_line = paper.journal_lines(path_end="/paper/faults")[-2:]
    assert (set_line["method"], set_line["fault_id"]) == ("POST", fault)
    assert json.loads(set_line["params"]["body"]) == {"kind": "close_before"}
    assert (cleared_line["method"], cleared_line["params"]) == ("DELETE", {"id": str(fault)})


def test_every_kind_is_in_the_handbook() -> None:
    root = Path(__file__).resolve().parents[2]
    text = (root / "docs" / "paper-exchange.md").read_text()
    assert [kind for kind in KINDS if f"`{kind}`" not in text] == []


def test_a_scripted_fault_comes_at_its_time(make_paper: PaperFactory, tmp_path: Path) -> None:
    script = tmp_path / "faults.json"
    script.write_text(
        json.dumps(
            [
                {"at_ms": 300, "kind": "deposit", "asset": "BTC", "amount": "1"},
                {"at_ms": 0, "kind": "deposit", "asset": "BTC", "amount": "-99"},
                {"at_ms": 0, "kind": "deposit", "asset": "ETH", "amount": "1"},
            ]
        )
    )
    paper = make_paper("--tick-ms", "0", "--faults", str(script))
    end = time.monotonic() + DEADLINE_SECONDS
    while len(paper.journal_events("deposit")) < 2:
        assert time.monotonic() < end
        time.sleep(0.02)
    first, second = paper.journal_events("deposit")
    assert (first["asset"], second["asset"]) == ("ETH", "BTC")
    assert second["at_ms"] - first["at_ms"] >= 250
    lines = paper.journal_lines(method="POST", path_end="/paper/faults")
    assert [line["status"] for line in lines] == [400, 200, 200]
    assert "amount" in lines[0]["message"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "expected a readable file"),
        ("[", "expected JSON"),
        ("{}", "expected a list"),
        ("[7]", "fault 1: expected a JSON object"),
        ('[{"kind": "close_before"}]', "fault 1: at_ms"),
        ('[{"at_ms": 0, "kind": "close_before"}, {"at_ms": 1, "kind": "x"}]', "fault 2: kind"),
    ],
)
async def test_a_wrong_script_is_named_with_its_cure(
    tmp_path: Path, content: str | None, words: str
) -> None:
    script = tmp_path / "faults.json"
    if content is not None:
        script.write_text(content)
    with pytest.raises(PaperRefused) as refused:
        await start_paper(read_options(["--port", "0", "--faults", str(script)]))
    said = str(refused.value)
    assert (words in said, str(script) in said, "give --faults" in said) == (True, True, True)


def test_the_key_s_rights_are_as_the_options_say(make_paper: PaperFactory) -> None:
    fields = ("enableReading", "enableSpotAndMarginTrading", "enableWithdrawals", "ipRestrict")
    for options, expected in (
        ((), (True, True, False, False)),
        (("--key-may-not-trade", "--key-ip-restricted"), (True, False, False, True)),
        (("--key-may-withdraw", "--no-key-ip-restricted"), (True, True, True, False)),
    ):
        client = make_client(make_paper("--tick-ms", "0", *options))
        rights = client.sapi_get_account_apirestrictions()
        assert tuple(rights[name] for name in fields) == expected
        client.session.close()


def test_a_key_that_may_not_trade_is_refused(make_paper: PaperFactory) -> None:
    paper = make_paper("--tick-ms", "0", "--key-may-not-trade")
    client = make_client(paper)
    with pytest.raises(ccxt.AuthenticationError, match="-2015"):
        client.create_order("BTC/USDC", "market", "buy", "0.01")
    assert client.fetch_balance()["BTC"]["used"] == "0.00000000"
    (line,) = paper.journal_lines(method="POST", path_end="/order")
    assert (line["acted"], line["answered"]) == (False, "error")
    client.session.close()


def test_a_withheld_answer_does_not_hold_up_the_end(make_paper: PaperFactory) -> None:
    """The fixture ends it; a process that waited for its client would not end in time."""
    paper = make_paper("--tick-ms", "0")
    paper.set_fault("accept_then_timeout", match=TIME)
    with pytest.raises(TimeoutError):
        urlopen(f"{paper.url}/api/v3/time", timeout=0.2)
    (line,) = paper.journal_lines(path_end="/time")
    assert (line["fault"], line["answered"]) == ("accept_then_timeout", "none")
