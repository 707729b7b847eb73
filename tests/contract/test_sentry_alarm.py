"""Paging through Sentry's SDK, against a local server that stands in for Sentry."""

import gzip
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from rebalancer.errors import BadConfig
from rebalancer.ports import Alert
from resources.sentry_alarm import REMOVED, SentryAlarm, scrub

SECRETS = ("sk-live-1234", "hunter2", "deadbeef", "dsnvalue")
ALERT = Alert(
    title="Run failed: drain_orders",
    detail="GET https://user:hunter2@api.venue.test/order?signature=deadbeef failed; "
    "api_key=sk-live-1234, {'password': 'hunter2'}, asset_key=fills",
    fingerprint=("run_failure", "drain_orders"),
    link="http://127.0.0.1:3000/runs/5b1",
    tags={"asset": "fills", "partition": "2026-01-02", "sentry_dsn": "dsnvalue"},
)


class Sink:
    """What Sentry was sent. `events` are the parsed ones, `raw` every byte of them."""

    def __init__(self) -> None:
        self._bodies: list[bytes] = []
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                is_packed = self.headers.get("Content-Encoding") == "gzip"
                sink._bodies.append(gzip.decompress(body) if is_packed else body)
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def dsn(self) -> str:
        return f"http://publickey@127.0.0.1:{self._server.server_port}/1"

    @property
    def raw(self) -> bytes:
        return b"\n".join(self._bodies)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The payload of every event item: an envelope is JSON lines, a header before each."""
        found = []
        for body in self._bodies:
            lines = [json.loads(line) for line in body.splitlines() if line]
            pairs = zip(lines[1::2], lines[2::2], strict=True)
            found += [payload for header, payload in pairs if header["type"] == "event"]
        return found

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def sink() -> Iterator[Sink]:
    running = Sink()
    yield running
    running.close()


def test_one_page_is_one_event_with_all_that_was_said(sink: Sink) -> None:
    alarm = SentryAlarm(sink.dsn)
    alarm.page(ALERT)
    alarm.close()
    (event,) = sink.events
    assert event["message"] == ALERT.title
    assert event["fingerprint"] == ["run_failure", "drain_orders"]
    assert event["tags"] == {"asset": "fills", "partition": "2026-01-02", "sentry_dsn": REMOVED}
    assert event["contexts"]["alert"]["link"] == ALERT.link
    assert "asset_key=fills" in event["contexts"]["alert"]["detail"]


def test_no_secret_leaves_the_process(sink: Sink) -> None:
    alarm = SentryAlarm(sink.dsn)
    alarm.page(ALERT)
    alarm.close()
    assert sink.events
    assert not [secret for secret in SECRETS if secret.encode() in sink.raw]


def test_logged_errors_and_exceptions_are_not_captured(sink: Sink) -> None:
    alarm = SentryAlarm(sink.dsn)
    try:
        raise ValueError("not paged")
    except ValueError:
        logging.getLogger("dagster").exception("not paged either")
    alarm.page(ALERT)
    alarm.close()
    assert len(sink.events) == 1


def test_a_dead_sentry_is_survived_within_the_bound() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    assert_returns_in_time(port)


def test_a_sentry_that_never_answers_is_survived_within_the_bound() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert_returns_in_time(silent.getsockname()[1])


def assert_returns_in_time(port: int) -> None:
    alarm = SentryAlarm(f"http://publickey@127.0.0.1:{port}/1", flush_seconds_max=1)
    began = time.monotonic()
    alarm.page(ALERT)
    assert time.monotonic() - began < 2
    alarm.close()


@pytest.mark.parametrize("dsn", [None, ""])
def test_without_a_dsn_nothing_is_sent_and_no_secret_is_logged(
    dsn: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    alarm = SentryAlarm(dsn)
    alarm.page(ALERT)
    alarm.close()
    assert not alarm.is_on
    assert not [secret for secret in SECRETS if secret in caplog.text]


def test_a_wrong_dsn_is_refused_and_not_shown() -> None:
    with pytest.raises(BadConfig) as caught:
        SentryAlarm("https://hunter2@")
    assert "sentry_dsn" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"api_key": "a", "n": 1}, {"api_key": REMOVED, "n": 1}),
        ({"deep": [{"Authorization_Token": "a"}]}, {"deep": [{"Authorization_Token": REMOVED}]}),
        ("redis://:pw@host:6379/0", "redis://host:6379/0"),
        ("https://h/p?apiKey=1&x=2 failed", "https://h/p failed"),
        ('{"secret": "a b"}', f'{{"secret": {REMOVED}}}'),
        ("signature=abc&symbol=BTC", f"signature={REMOVED}&symbol=BTC"),
        ("partition_key=2026-01-02", "partition_key=2026-01-02"),
        ("weight 4000 bps", "weight 4000 bps"),
    ],
)
def test_scrubbing_removes_secrets_and_nothing_else(before: Any, after: Any) -> None:
    assert scrub(before) == after
