"""One client in use: every question goes through here, is timed, bounded and counted.

Belongs here: what all questions share. Does not belong here: any single question.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator
from typing import Any, TypeVar
from urllib.parse import urlsplit

from rebalancer.latency import LatencyEstimate
from rebalancer.orders import VenueName
from rebalancer.ports import Clock
from resources.ccxt_client import evidence_of
from resources.ccxt_dialects import dialect_of
from resources.ccxt_errors import ancestry, explain, explain_read, is_silence

GRACE_MS = 500
"""The client's own timeout goes first; this one catches what that misses."""

Answer = TypeVar("Answer")


class CcxtSession:
    """A ccxt client with a name, a clock and a latency estimate. One event loop only."""

    def __init__(
        self, client: Any, *, name: VenueName, clock: Clock, secrets: Collection[str]
    ) -> None:
        self.client = client
        self.clock = clock
        self.dialect = dialect_of(client)
        self.latency = LatencyEstimate()
        self._name = name
        self._secrets = secrets
        # ccxt shares one load between its callers, so cancelling one would cancel all.
        self._loading = asyncio.Lock()

    async def ask(self, question: Awaitable[Any], *, is_bulk: bool = False) -> Any:
        """Wait for one answer, in bounds, and count it.

        Bulk answers are megabytes: their time is not the venue's latency, their failure is.
        """
        started_at_ms = self.clock.now_ms()
        try:
            async with asyncio.timeout((self.client.timeout + GRACE_MS) / 1_000):
                answer = await question
        except Exception as error:
            if is_silence(error):
                self.latency.observe_failure()
            elif evidence_of(error) is not None:
                self._observe_since(started_at_ms)
            raise
        if not is_bulk:
            self._observe_since(started_at_ms)
        return answer

    async def read(self, doing: str, question: Callable[[], Awaitable[Answer]]) -> Answer:
        """Answer a read, or raise what its failure means in our own words.

        Raises:
            VenueUnavailable, VenueDenied, BadConfig, BadData: as `explain_read` judges.
        """
        try:
            return await question()
        except AssertionError:
            raise
        except Exception as error:
            await self.mend_clock(error)
            failure = explain_read(
                error, venue=self._name, host=self.host, doing=doing, secrets=self._secrets
            )
        # Outside the handler: a chained error would carry the signed address along.
        raise failure

    async def load_markets(self, *, reload: bool = False) -> None:
        """Have the venue's markets at hand; `reload` asks anew."""
        async with self._loading:
            if reload or not self.client.markets:
                await self.ask(self.client.load_markets(True), is_bulk=True)

    async def mend_clock(self, error: BaseException) -> None:
        """After a complaint about our time, measure the difference; later requests carry it."""
        if "InvalidNonce" not in ancestry(error) or self.client.has.get("fetchTime") is not True:
            return
        try:
            await self.ask(self.client.load_time_difference())
        except Exception as failure:
            # The complaint itself is reported; the next one mends again.
            self.client.logger.warning("clock not mended: %s", self.explain(failure))

    def explain(self, error: BaseException) -> str:
        """One line about an error, without secrets."""
        return explain(error, secrets=self._secrets)

    @property
    def host(self) -> str:
        """Where the venue is asked, as in api.binance.com."""
        address = next(_addresses(self.client.urls["api"]), "")
        return urlsplit(str(self.client.implode_hostname(address))).netloc

    def _observe_since(self, started_at_ms: int) -> None:
        # A clock set back between two readings must not make an answer early.
        self.latency.observe(max(0, self.clock.now_ms() - started_at_ms))


def _addresses(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict):
        for branch in tree.values():
            yield from _addresses(branch)
