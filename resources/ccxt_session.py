"""One client in use: every question goes through here, is timed, bounded and counted.

Belongs here: what all questions share, the venue's tap among it: none is asked while the tap is
closed, and whichever of them meets "slow down" closes it for everybody. Does not belong here: any
single question.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from rebalancer.errors import StoreUnavailable, VenueUnavailable
from rebalancer.latency import LatencyEstimate
from rebalancer.orders import VenueName
from rebalancer.ports import Clock
from rebalancer.venue_tap import VenueTap
from resources.ccxt_client import evidence_of
from resources.ccxt_dialects import dialect_of
from resources.ccxt_errors import (
    ancestry,
    explain,
    explain_read,
    is_rate_limit,
    is_silence,
    retry_after_ms,
)
from resources.retry_after import RETRY_AFTER_MS_MAX

GRACE_MS = 500
"""The client's own timeout goes first; this one catches what that misses."""

Answer = TypeVar("Answer")


class CcxtSession:
    """A ccxt client with a name, a clock and a latency estimate. One event loop only."""

    def __init__(
        self,
        client: Any,
        *,
        name: VenueName,
        clock: Clock,
        tap: VenueTap,
        secrets: Collection[str],
    ) -> None:
        self.client = client
        self.clock = clock
        self.dialect = dialect_of(client)
        self.latency = LatencyEstimate()
        self._name = name
        self._tap = tap
        self._secrets = secrets
        # ccxt shares one load between its callers, so cancelling one would cancel all.
        self._loading = asyncio.Lock()

    async def ask(
        self,
        question: Coroutine[Any, Any, Any],
        *,
        is_bulk: bool = False,
        is_permitted: bool = False,
    ) -> Any:
        """Wait for one answer, in bounds, and count it.

        Args:
            question: Not begun yet; it never is when it must not be asked.
            is_bulk: Its answer is megabytes: its time is not the venue's latency, its failure is.
            is_permitted: The tap was found open in the step that granted its permit, just now.

        Raises:
            VenueUnavailable: the venue asked everybody to wait, and that time is not over.
            StoreUnavailable: whether it did cannot be read; nothing was asked.
        """
        if not is_permitted:
            self._require_open(question)
        started_at_ms = self.clock.now_ms()
        try:
            async with asyncio.timeout((self.client.timeout + GRACE_MS) / 1_000):
                answer = await question
        except Exception as error:
            if is_silence(error):
                self.latency.observe_failure()
            elif evidence_of(error) is not None:
                self._observe_since(started_at_ms)
            if is_rate_limit(error):
                self._close_tap(retry_after_ms(error))
            raise
        if not is_bulk:
            self._observe_since(started_at_ms)
        return answer

    async def read(self, doing: str, question: Callable[[], Awaitable[Answer]]) -> Answer:
        """Answer a read, or raise what its failure means in our own words.

        Raises:
            VenueUnavailable, VenueDenied, BadConfig, BadData: as `explain_read` judges.
            VenueUnavailable, StoreUnavailable: as `ask` says, before anything was asked.
        """
        try:
            return await question()
        except (AssertionError, VenueUnavailable, StoreUnavailable):
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

    def _require_open(self, question: Coroutine[Any, Any, Any]) -> None:
        try:
            wait_ms = self._tap.tap_closed_ms(self._name)
        except BaseException:
            question.close()
            raise
        if wait_ms <= 0:
            return
        question.close()
        # What it answered before says nothing of a venue that must not be asked.
        self.latency.observe_failure()
        until_ms = self.clock.now_ms() + min(wait_ms, RETRY_AFTER_MS_MAX)
        until = datetime.fromtimestamp(until_ms // 1_000, UTC)
        raise VenueUnavailable(
            f"venue {self._name} asked everybody to wait until {until:%Y-%m-%d %H:%M:%S} UTC;"
            " before that it is asked nothing, because every further request may prolong the ban",
            retry_after_ms=wait_ms,
        )

    def _close_tap(self, for_ms: int) -> None:
        try:
            self._tap.close_tap(self._name, for_ms=for_ms)
        except StoreUnavailable as failure:
            # The answer itself must still be told, above all one to an order.
            self.client.logger.warning("the venue asked for a pause, untold: %s", failure)

    def _observe_since(self, started_at_ms: int) -> None:
        # A clock set back between two readings must not make an answer early.
        self.latency.observe(max(0, self.clock.now_ms() - started_at_ms))


def _addresses(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict):
        for branch in tree.values():
            yield from _addresses(branch)
