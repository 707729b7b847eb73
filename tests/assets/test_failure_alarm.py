"""A failed materialization reaches Sentry as one event; a local server stands in for it."""

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import dagster as dg
import pytest

from rebalancer.errors import VenueUnavailable
from resources.sentry_alarm import SentryAlarm
from resources.settings import Settings
from resources.wiring import Stores
from sensors.failure_sensor import failure_sensor
from tests.assets.location import UI, make_location, make_venue


class Sink(ThreadingHTTPServer):
    """Answers every envelope with 200 and keeps it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Keeper)
        self.envelopes: list[bytes] = []

    @property
    def dsn(self) -> str:
        return f"http://public@127.0.0.1:{self.server_port}/1"

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events among what came."""
        lines = [json.loads(line) for body in self.envelopes for line in body.splitlines() if line]
        return [line for line in lines if line.get("fingerprint")]


class Keeper(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert isinstance(self.server, Sink)
        is_zipped = self.headers.get("Content-Encoding") == "gzip"
        self.server.envelopes.append(gzip.decompress(body) if is_zipped else body)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing on stderr."""


@contextmanager
def serving() -> Iterator[Sink]:
    with Sink() as sink:
        thread = Thread(target=sink.serve_forever)
        thread.start()
        try:
            yield sink
        finally:
            sink.shutdown()
            thread.join()


@pytest.fixture
def sink() -> Iterator[Sink]:
    with serving() as started:
        yield started


def test_a_failed_materialization_raises_exactly_one_event(
    sink: Sink, instance: dg.DagsterInstance, settings: Settings, stores: Stores
) -> None:
    down = make_venue(
        reads_fail=VenueUnavailable(
            "GET http://u:pw@venue/x?signature=f00 refused", retry_after_ms=1
        )
    )
    location = make_location(instance, settings, down, stores=stores)
    alarm = SentryAlarm(sink.dsn)
    try:
        cursor = _tick(instance, settings, alarm, cursor=None)
        result = location.rebalance("c1")
        cursor = _tick(instance, settings, alarm, cursor=cursor)
        _tick(instance, settings, alarm, cursor=cursor)
    finally:
        alarm.close()
    [event] = sink.events
    assert event["message"].startswith("rebalance failed at ")
    assert event["tags"]["partition"] == "core"
    assert event["tags"]["run"] == result.run_id
    assert event["tags"]["asset"] in ("sanitized_tickers", "balances")
    assert event["contexts"]["alert"]["link"] == f"{UI}/runs/{result.run_id}"
    assert not [secret for secret in ("pw@", "f00") if secret in json.dumps(event)]


def _tick(
    instance: dg.DagsterInstance, settings: Settings, alarm: SentryAlarm, *, cursor: str | None
) -> str | None:
    resources = {"settings": settings, "alarm": alarm}
    with dg.build_sensor_context(instance=instance, cursor=cursor, resources=resources) as context:
        return failure_sensor.evaluate_tick(context).cursor
