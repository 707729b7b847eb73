"""Redis as the baseline uses it, and what it tells of itself. Only this file here imports redis.

Belongs here: plain commands. The engine's own queue is in resources.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis

from bench.failure import BenchFailed
from resources.redis_connection import open_redis

BATCH = 1_000
SLOWLOG_MAX = 100_000
REST_SECONDS_MAX, POLL_SECONDS = 120, 0.1
SETTINGS = {
    "slowlog-log-slower-than": "0",
    "slowlog-max-len": str(SLOWLOG_MAX),
    # Writing the log anew would be measured with whatever step it happened to meet.
    "auto-aof-rewrite-percentage": "0",
}


class BareRedis:
    """One database of a server."""

    def __init__(self, url: str) -> None:
        self._client: Redis = open_redis(url)

    def close(self) -> None:
        self._client.close()

    def fill(self, prefix: str, count: int, text: str, *, ttl_seconds: int) -> None:
        """Keep so many keys of other orders."""
        for start in range(0, count, BATCH):
            pipeline = self._client.pipeline(transaction=False)
            for number in range(start, min(start + BATCH, count)):
                pipeline.set(f"{prefix}{number}", text, ex=ttl_seconds)
            pipeline.execute()

    def put(self, key: str, text: str, *, ttl_seconds: int) -> None:
        self._client.set(key, text, ex=ttl_seconds)

    def find(self, pattern: str) -> list[str]:
        """KEYS: reads every key of the database."""
        return [_text(key) for key in self._client.keys(pattern)]

    def read(self, key: str) -> str:
        return _text(self._client.get(key))

    def remove(self, key: str) -> None:
        self._client.delete(key)

    def memory_bytes(self) -> int:
        """What the server's data take, as INFO tells it."""
        return int(self._client.info("memory")["used_memory"])

    def await_rest(self) -> None:
        """Wait until the server writes its log anew no more, as it does while its data grow."""
        deadline = time.monotonic() + REST_SECONDS_MAX
        while self._client.info("persistence")["aof_rewrite_in_progress"]:
            if time.monotonic() > deadline:
                raise BenchFailed(f"Redis still writes its log anew after {REST_SECONDS_MAX} s")
            time.sleep(POLL_SECONDS)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Let the server note the time of every command, and let its log grow as it will."""
        before = {name: self._client.config_get(name)[name] for name in SETTINGS}
        for name, wanted in SETTINGS.items():
            self._client.config_set(name, wanted)
        try:
            yield
        finally:
            for name, value in before.items():
                self._client.config_set(name, str(value))

    def forget_commands(self) -> None:
        self._client.slowlog_reset()

    def script_times_us(self) -> list[int]:
        """How long each script since `forget_commands` took within the server, the last first."""
        return [
            int(row["duration"])
            for row in self._client.slowlog_get(SLOWLOG_MAX)
            if row["command"].startswith(b"EVALSHA")
        ]


def _text(value: bytes | str | None) -> str:
    if value is None:
        raise BenchFailed("a key of the baseline ran out before its order was sent: it is lost")
    return value.decode() if isinstance(value, bytes) else value
