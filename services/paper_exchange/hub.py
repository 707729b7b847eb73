"""Connections and the streams they listen to.

Belongs here: subscribing, publishing, and letting go of a listener that does not keep up.
Does not belong here: what the streams say (`streams`), sockets (`sockets`).
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable

BACKLOG_MAX = 2_000
STREAMS_MAX = 1_024


class Listener:
    """One connection: what it asked for, and what is on its way to it."""

    def __init__(self, *, combined: bool) -> None:
        self.combined = combined
        self.streams: set[str] = set()
        self.subscription_ids: list[int] = []
        self.outbox: asyncio.Queue[str] = asyncio.Queue(BACKLOG_MAX)
        self.farewell: str | None = None

    def send(self, message: object) -> None:
        """Queue a message; a listener that does not keep up is let go."""
        try:
            self.outbox.put_nowait(json.dumps(message, separators=(",", ":")))
        except asyncio.QueueFull:
            self.farewell = "too slow a listener"

    def hang_up(self) -> None:
        """End the connection as soon as its writer looks."""
        self.farewell = "the exchange stops"
        if self.outbox.empty():
            self.outbox.put_nowait("")

    def tell(self, stream: str, message: object) -> None:
        """Queue a stream's message in the form this connection asked for."""
        self.send({"stream": stream, "data": message} if self.combined else message)


class Hub:
    """Every connection and its streams."""

    def __init__(self) -> None:
        self.listeners: set[Listener] = set()
        self._by_stream: dict[str, set[Listener]] = defaultdict(set)

    def subscribe(self, listener: Listener, streams: Iterable[str]) -> None:
        for stream in streams:
            listener.streams.add(stream)
            self._by_stream[stream].add(listener)

    def unsubscribe(self, listener: Listener, streams: Iterable[str]) -> None:
        for stream in list(streams):
            listener.streams.discard(stream)
            self._by_stream[stream].discard(listener)
            if not self._by_stream[stream]:
                del self._by_stream[stream]

    def leave(self, listener: Listener) -> None:
        self.unsubscribe(listener, listener.streams)
        self.listeners.discard(listener)

    def wants(self, stream: str) -> bool:
        return stream in self._by_stream

    def publish(self, stream: str, message: object) -> None:
        for listener in self._by_stream.get(stream, ()):
            listener.tell(stream, message)
