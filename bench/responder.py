"""`python -m bench.responder --upstream URL`: a venue that answers at once and remembers orders.

With `--round-trip-ms` it is as far away as a real one: a request is read half a round trip after
its bytes came, its answer leaves half a round trip after it was made, and the first request of a
connection comes a whole one later, for the handshake of TCP, which loopback ends at once. TLS would
cost one or two more; it is left out, which flatters whoever connects anew for each order.

It fills every order whole, at its limit, within microseconds, and keeps for each client order id
how often it came and when: so a benchmark measures the engine and not the venue, and a doubled
order still shows. It also answers at once who asks it the time, for that is how a venue is pinged.
Everything else is the paper exchange's to answer.

HTTP here is read by hand: a framework would spend more time on a request than the engine does.
"""

import argparse
import asyncio
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from selectors import SelectSelector
from urllib.error import HTTPError
from urllib.parse import parse_qsl
from urllib.request import Request, urlopen

from bench.lean_answers import many_markets, order_answer, time_answer, trades_answer
from bench.one_way import OneWay

ORDER, TRADES, LOG = "/api/v3/order", "/api/v3/myTrades", "/bench/log"
MARKETS, TIME = "/api/v3/exchangeInfo", "/api/v3/time"
UPSTREAM_SECONDS = 10
OK = 200
CRLF2 = b"\r\n\r\n"
FIRST_NUMBER = os.getpid() * 1_000_000_000
"""Venues that run beside each other share one set of books: no trade of theirs has one number."""


@dataclass(slots=True)
class Seen:
    """One client order id: when its request was read, when it was answered, how often it came."""

    received_ns: int
    answered_ns: int = 0
    count: int = 0


@dataclass(slots=True)
class OrderLog:
    """Every order this venue took."""

    seen: dict[str, Seen] = field(default_factory=dict)
    taken: dict[int, dict[str, str]] = field(default_factory=dict)

    def take(self, asked: dict[str, str], received_ns: int) -> bytes:
        """Fill one order. The same id again is filled again: this venue forgives nobody."""
        seen = self.seen.setdefault(asked["newClientOrderId"], Seen(received_ns))
        seen.count += 1
        number = FIRST_NUMBER + len(self.taken)
        self.taken[number] = asked
        answer = order_answer(number, asked)
        seen.answered_ns = time.monotonic_ns()
        return answer

    def tell(self) -> bytes:
        """Everything seen since the last telling, and begin anew."""
        told = {
            name: (seen.received_ns, seen.answered_ns, seen.count)
            for name, seen in self.seen.items()
        }
        self.seen.clear()
        return json.dumps(told).encode()


class LeanProtocol(asyncio.Protocol):
    """One connection: requests one after another, each answered before the next is read."""

    def __init__(self, log: OrderLog, upstream: str, round_trip_seconds: float = 0.0) -> None:
        self._log = log
        self._upstream = upstream
        self._read = b""
        self._handshake_seconds = round_trip_seconds
        half = round_trip_seconds / 2
        self._ways = (OneWay(half), OneWay(half)) if round_trip_seconds else None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        received_ns = time.monotonic_ns()
        self._read += data
        while (end := self._read.find(CRLF2)) >= 0:
            head = self._read[:end].decode("latin-1")
            length = _content_length(head)
            whole = end + len(CRLF2) + length
            if len(self._read) < whole:
                return
            body = self._read[end + len(CRLF2) : whole].decode()
            self._read = self._read[whole:]
            if head.startswith(f"GET {LOG} "):
                self._write_now(OK, self._log.tell())
            elif self._ways is None:
                self._answer(head, body, received_ns)
            else:
                arrive = partial(self._arrive, head, body)
                self._ways[0].send(arrive, later_seconds=self._handshake_seconds)
                self._handshake_seconds = 0.0

    def _arrive(self, head: str, body: str) -> None:
        self._answer(head, body, time.monotonic_ns())

    def _answer(self, head: str, body: str, received_ns: int) -> None:
        method, target, _ = head.split("\r\n", 1)[0].split(" ")
        path, _, query = target.partition("?")
        if (method, path) == ("POST", ORDER):
            self._write(OK, self._log.take(dict(parse_qsl(query + "&" + body)), received_ns))
        elif (method, path) == ("GET", TRADES):
            number = int(dict(parse_qsl(query)).get("orderId", 0))
            self._write(OK, trades_answer(number, self._log.taken.get(number)))
        elif (method, path) == ("GET", TIME):
            self._write(OK, time_answer())
        else:
            # In a thread: a slow answer of the paper exchange must not hold up an order.
            loop = asyncio.get_running_loop()
            task = loop.run_in_executor(None, ask_upstream, self._upstream, head, body)
            change = many_markets if path == MARKETS else bytes
            task.add_done_callback(lambda done: self._pass_on(*done.result(), change))

    def _pass_on(self, status: int, body: bytes, change: Callable[[bytes], bytes]) -> None:
        self._write(status, change(body) if status == OK else body)

    def _write(self, status: int, body: bytes) -> None:
        if self._ways is None:
            self._write_now(status, body)
        else:
            self._ways[1].send(partial(self._write_now, status, body))

    def _write_now(self, status: int, body: bytes) -> None:
        head = f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\n"
        self._transport.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


def ask_upstream(upstream: str, head: str, body: str) -> tuple[int, bytes]:
    """Pass a request on as it is, signature and all."""
    first, *rows = head.split("\r\n")
    method, target, _ = first.split(" ")
    headers = dict(row.split(": ", 1) for row in rows)
    kept = {name: headers[name] for name in headers if name.upper() == "X-MBX-APIKEY"}
    request = Request(upstream + target, body.encode() or None, kept, method=method)
    try:
        with urlopen(request, timeout=UPSTREAM_SECONDS) as answer:
            return answer.status, answer.read()
    except HTTPError as refusal:
        return refusal.code, refusal.read()


def _content_length(head: str) -> int:
    for row in head.split("\r\n")[1:]:
        name, _, value = row.partition(":")
        if name.lower() == "content-length":
            return int(value)
    return 0


async def serve(upstream: str, round_trip_seconds: float) -> None:
    """Answer until the process is ended."""
    loop, log = asyncio.get_running_loop(), OrderLog()
    server = await loop.create_server(
        lambda: LeanProtocol(log, upstream, round_trip_seconds), "127.0.0.1", 0
    )
    host, port = server.sockets[0].getsockname()[:2]
    print(json.dumps({"url": f"http://{host}:{port}"}), flush=True)  # noqa: T201
    await server.serve_forever()


def exact_loop() -> asyncio.AbstractEventLoop:
    """A loop that wakes within a fraction of a millisecond: epoll counts in whole ones."""
    return asyncio.SelectorEventLoop(SelectSelector())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--round-trip-ms", type=float, default=0.0)
    told = parser.parse_args()
    with asyncio.Runner(loop_factory=exact_loop if told.round_trip_ms else None) as runner:
        runner.run(serve(told.upstream, told.round_trip_ms / 1_000))


if __name__ == "__main__":
    main()
