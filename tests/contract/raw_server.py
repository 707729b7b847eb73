"""A server that answers what it is told to: errors, silence, half a body, a closed line.

Speaks just enough HTTP on a real socket, because what is tested is what a client makes of it.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Route = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. `announced` is the length the header tells, when that is a lie."""

    body: str = "{}"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    announced: int | None = None


@dataclass(frozen=True, slots=True)
class Silence:
    """Take the request and never answer."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """Take the request and close the connection."""


Behaviour = Reply | Silence | HangUp
Routes = Mapping[Route, Sequence[Behaviour]]


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    body: str = ""


class RawServer:
    """Answers each route with its behaviours in order; the last one stays."""

    def __init__(self, routes: Routes) -> None:
        self._routes = {route: list(answers) for route, answers in routes.items()}
        self._requests: list[Request] = []
        self._lines: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._url = ""

    @property
    def requests(self) -> tuple[Request, ...]:
        return tuple(self._requests)

    def asked(self, method: str, path: str) -> tuple[Request, ...]:
        """The requests of one route, oldest first."""
        return tuple(r for r in self._requests if (r.method, r.path) == (method, path))

    @property
    def url(self) -> str:
        """Its address, also after it has stopped."""
        assert self._url
        return self._url

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()[:2]
        self._url = f"http://{host}:{port}"

    async def stop(self) -> None:
        """Close every line and the port. A connection made after this is refused."""
        assert self._server is not None
        self._server.close()
        for line in self._lines:
            line.close()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._lines.add(writer)
        try:
            while request := await _read_request(reader):
                self._requests.append(request)
                if not await self._answer(request, reader, writer):
                    break
        except ConnectionError:
            pass
        finally:
            self._lines.discard(writer)
            writer.close()

    async def _answer(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        answers = self._routes.get((request.method, request.path), [Reply("no route", 404)])
        behaviour = answers.pop(0) if len(answers) > 1 else answers[0]
        match behaviour:
            case HangUp():
                return False
            case Silence():
                # Ends when the other side gives up.
                await reader.read()
                return False
            case Reply():
                writer.write(_encode(behaviour))
                await writer.drain()
                return behaviour.announced is None


@asynccontextmanager
async def serving(routes: Routes) -> AsyncIterator[RawServer]:
    """Run a server for as long as the block lasts."""
    server = RawServer(routes)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def error(
    code: int, message: str = "said the venue", *, status: int = 400, **headers: str
) -> Reply:
    """An error as Binance writes it. Header names are given with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(json.dumps({"code": code, "msg": message}), status, named)


def answer(body: Any) -> Reply:
    return Reply(json.dumps(body))


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().splitlines()
    method, target, _ = first.split()
    pairs = (line.split(":", 1) for line in lines)
    headers = {name.lower(): value.strip() for name, value in pairs}
    body = (await reader.readexactly(int(headers.get("content-length", "0")))).decode()
    split = urlsplit(target)
    return Request(method, split.path, dict(parse_qsl(split.query or body)), headers, body)


def _encode(reply: Reply) -> bytes:
    body = reply.body.encode()
    length = len(body) if reply.announced is None else reply.announced
    headers = {"Content-Type": "application/json", "Content-Length": str(length)}
    lines = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in (headers | dict(reply.headers)).items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body
