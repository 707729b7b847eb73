"""The running program: HTTP, the price tick, start and stop.

Belongs here: aiohttp, tasks, signals. Every request passes `serve`.
Does not belong here: what a request does (`routes`), what goes wrong with its answer on purpose
(`fault_transport`), shutting the listening socket (`doors`).
"""

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from aiohttp import web

from services.paper_exchange.auth import without_signature
from services.paper_exchange.calls import Call
from services.paper_exchange.control import control
from services.paper_exchange.doors import Doors
from services.paper_exchange.exchange import Exchange
from services.paper_exchange.fault_kinds import Place
from services.paper_exchange.fault_transport import respond, serve_faulty
from services.paper_exchange.options import PaperOptions, PaperRefused
from services.paper_exchange.routes import answer
from services.paper_exchange.scenario import play, read_scenario
from services.paper_exchange.sockets import serve_socket
from services.paper_exchange.streams import tell_books, tell_days

TELL_SECONDS = 0.1
TELLS_PER_DAY_TICKER = 10
STOP_SECONDS = 2.0
LOOPBACK = ("127.0.0.1", "::1")

EXCHANGE = web.AppKey("exchange", Exchange)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class RunningPaper:
    """A paper exchange that answers. `stop` ends it."""

    url: str
    ws_url: str
    exchange: Exchange
    _runner: web.AppRunner
    tasks: tuple["asyncio.Task[None]", ...]

    async def stop(self) -> None:
        self.exchange.is_stopping = True
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for listener in self.exchange.hub.listeners:
            listener.hang_up()
        await self._runner.cleanup()
        self.exchange.journal.close()


async def start_paper(options: PaperOptions) -> RunningPaper:
    """Start an exchange in this event loop.

    Raises:
        PaperRefused: A file, an option or the port does not allow it; the message says the cure.
    """
    exchange = Exchange(options)
    try:
        scenario = read_scenario(options.faults, exchange.markets) if options.faults else []
    except PaperRefused:
        exchange.journal.close()
        raise
    app = web.Application(middlewares=[_delay])
    app[EXCHANGE] = exchange
    app.router.add_route("*", "/{path:.*}", serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, options.host, options.port).start()
    except OSError as error:
        await runner.cleanup()
        exchange.journal.close()
        raise PaperRefused(
            f"--port {options.port}: expected a free port on {options.host}, was not"
            f" ({error.strerror}); choose another, or 0 for any free one"
        ) from None
    host, port = runner.addresses[0][:2]
    host = f"[{host}]" if ":" in host else host
    loops = [_tell(exchange), Doors(exchange, runner).watch()]
    if options.tick_ms > 0:
        loops.append(_tick(exchange))
    if scenario:
        loops.append(play(exchange, scenario))
    tasks = tuple(asyncio.create_task(endless) for endless in loops)
    return RunningPaper(f"http://{host}:{port}", f"ws://{host}:{port}", exchange, runner, tasks)


def run_paper(options: PaperOptions) -> None:
    """Run an exchange until SIGINT or SIGTERM."""
    asyncio.run(_run(options))


async def serve(request: web.Request) -> web.StreamResponse:
    """Any request: a socket, a control request, or one of the venue's endpoints."""
    exchange = request.app[EXCHANGE]
    if request.headers.get("Upgrade", "").lower() == "websocket":
        return await serve_socket(exchange, request)
    body = await request.read()
    call = _read_call(exchange, request, body)
    if request.path.startswith("/paper/") and request.remote in LOOPBACK:
        return respond(control(exchange, call, body))
    fault = exchange.faults.take(Place.TRANSPORT, call, call.now_ms)
    if fault is not None:
        return await serve_faulty(exchange, request, call, fault)
    return respond(answer(exchange, call))


@web.middleware
async def _delay(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Half of the latency before the exchange acts, half before its answer leaves."""
    exchange = request.app[EXCHANGE]
    request["received_at_ms"] = exchange.clock()
    seconds = exchange.latency_ms / 2000
    if seconds == 0 or request.path.startswith("/paper/"):
        return await handler(request)
    await request.read()  # What has arrived is acted on, whoever hangs up meanwhile.
    await asyncio.sleep(seconds)
    response = await handler(request)
    if not response.prepared:
        await asyncio.sleep(seconds)
    return response


def _read_call(exchange: Exchange, request: web.Request, body: bytes) -> Call:
    query = request.rel_url.raw_query_string
    now_ms = exchange.clock()
    form = "" if request.path.startswith("/paper/") else body.decode(errors="replace")
    return Call(
        method=request.method,
        path=request.path,
        params=dict(parse_qsl(query, keep_blank_values=True))
        | dict(parse_qsl(form, keep_blank_values=True)),
        payload=without_signature(query) + without_signature(form),
        api_key=request.headers.get("X-MBX-APIKEY"),
        received_at_ms=request["received_at_ms"],
        now_ms=now_ms,
        skew_ms=exchange.faults.skew_ms(now_ms),
    )


async def _tick(exchange: Exchange) -> None:
    """Move the prices. Between two markets requests get their turn."""
    tick_ms = exchange.options.tick_ms
    loop = asyncio.get_running_loop()
    started = loop.time()
    while True:
        next_tick = exchange.tick + 1
        await asyncio.sleep(started + next_tick * tick_ms / 1000 - loop.time())
        late_ticks = int((loop.time() - started) * 1000) // tick_ms
        for name in exchange.advance(max(next_tick, late_ticks)):
            exchange.requote(name)
            await asyncio.sleep(0)


async def _tell(exchange: Exchange) -> None:
    """Feed the public streams."""
    count = 0
    while True:
        await asyncio.sleep(TELL_SECONDS)
        exchange.unveil_due()
        tell_books(exchange)
        count += 1
        if count % TELLS_PER_DAY_TICKER == 0:
            tell_days(exchange)


async def _run(options: PaperOptions) -> None:
    paper = await start_paper(options)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    line = {
        "event": "listening",
        "url": paper.url,
        "ws_url": paper.ws_url,
        "prices": paper.exchange.source.describe(),
        "symbols": len(paper.exchange.markets),
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
    told_to_stop = asyncio.create_task(stopping.wait())
    done, _ = await asyncio.wait((told_to_stop, *paper.tasks), return_when=asyncio.FIRST_COMPLETED)
    told_to_stop.cancel()
    await paper.stop()
    for task in done:
        task.result()  # A tick that failed is a bug, and must not look like a quiet market.
