"""The permit, and what else is let out to a venue, as asked of Redis.

Belongs here: what the scripts permit.lua, spend.lua and close_tap.lua are told, and what their
answers mean. The rules are in the scripts; the static caps are `risk.deny_order`.

**Whose clock judges an order's age.** The clock of Redis, the one that the rest of the permit goes
by and that all processes share: a process whose own clock stands still, or runs behind, must not
send what is too old. The script permits nothing once the gate's verdict has run out by that clock,
and an order only gets older; so one that is not too old at the verdict's end needs no question to
Redis, and only for the others one more round trip is made.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

from redis import Redis

from rebalancer.errors import BadConfig
from rebalancer.gate import GateOpen
from rebalancer.orders import Order, PortfolioName, VenueName
from rebalancer.queue import CallKind, Denied, NotNow, NotNowReason, SendPermit, Tenure
from rebalancer.risk import Denial, DenialReason, RiskLimits, deny_order
from resources.rate_limit import Draw, RateLimit
from resources.redis_connection import redis_errors
from resources.redis_replies import Replies
from resources.redis_scripts import QueueScripts, Reply, ScriptCall, texts
from resources.turnover import (
    micro_of_cap,
    micro_of_order,
    quote_of,
    require_countable,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PermitDesk:
    """Asks for permits and for calls, with the settings that bound them."""

    def __init__(
        self,
        client: Redis,
        scripts: QueueScripts,
        rates: Mapping[VenueName, RateLimit],
        limits: Mapping[PortfolioName, RiskLimits],
    ) -> None:
        require_countable(limits)
        self._client = client
        self._scripts = scripts
        self._replies = Replies(scripts)
        self._rates = dict(rates)
        self._limits = dict(limits)
        # Said once: a permit must not pay for them each time.
        self._draws = {
            (venue, kind): _words(rate.draws(kind))
            for venue, rate in rates.items()
            for kind in CallKind
        }
        self._caps = {name: _caps(limit) for name, limit in limits.items()}

    def permitting(self, gate: GateOpen) -> ScriptCall[SendPermit | NotNow | Denied]:
        """What a permit asks of Redis. Raises BadConfig for what the settings do not have."""
        claim = gate.claim
        order, tenure = claim.order, claim.tenure
        limits = self._limits_of(order)
        draws = self._draws_of(order.venue, CallKind.ORDER)
        valid_until_ms = min(gate.valid_until_ms, claim.lease_until_ms)
        denial = self._deny(order, limits, valid_until_ms)
        words = (
            tenure.slot,
            tenure.epoch,
            order.client_order_id,
            token_of(claim.tenure, claim.lease_until_ms),
            claim.lease_until_ms,
            valid_until_ms,
            order.venue,
            micro_of_order(order),
            *self._caps[order.portfolio],
            int(denial is not None),
            self._rates[order.venue].orders_in_a_second_max,
            *draws,
        )
        return ScriptCall("permit", words, partial(self._read, order, valid_until_ms, denial))

    def _read(
        self, order: Order, valid_until_ms: int, denial: Denial | None, reply: Reply
    ) -> SendPermit | NotNow | Denied:
        match texts(reply):
            case ["sent"]:
                return SendPermit(order, valid_until_ms)
            case ["not_now", reason, detail, wait_ms]:
                return self._not_now(reason, detail, wait_ms)
            case ["denied", *_] if denial is not None:
                return Denied(order, denial.reason, denial.detail)
            case ["denied", reason, spent]:
                limits = self._limits_of(order)
                detail = _say_spent(order, limits, self._replies.count(spent))
                return Denied(order, DenialReason(reason), detail)
        raise self._replies.refusal(order.client_order_id, reply)

    def spend(self, venue: VenueName, kind: CallKind) -> NotNow | None:
        assert kind is not CallKind.ORDER, "an order's share of the budget is in its permit"
        match texts(self._scripts.run("spend", venue, *self._draws_of(venue, kind))):
            case ["not_now", reason, detail, wait_ms]:
                return self._not_now(reason, detail, wait_ms)
        return None

    def close_tap(self, venue: VenueName, *, for_ms: int) -> None:
        assert for_ms >= 0, for_ms
        self._scripts.run("close_tap", venue, for_ms)

    def spent_budgets(self) -> tuple[str | int, ...]:
        """Venue, budget and units in turn: what a queue that lost its data goes on with.

        What was sent just before the loss counts at the venue, and is forgotten here.
        """
        return tuple(
            word
            for venue, rate in sorted(self._rates.items())
            for window in rate.windows
            for word in (venue, window.name, window.spent_units)
        )

    def _deny(self, order: Order, limits: RiskLimits, valid_until_ms: int) -> Denial | None:
        if deny_order(order, limits, now_ms=valid_until_ms) is None:
            return None
        return deny_order(order, limits, now_ms=self._now_ms())

    def _now_ms(self) -> int:
        with redis_errors(self._client, keys=self._scripts.key("orders")):
            seconds, micros = self._client.time()
        return int(seconds) * 1_000 + int(micros) // 1_000

    def _not_now(self, reason: str, detail: str, wait_ms: str) -> NotNow:
        word = NotNowReason(reason)
        if word is NotNowReason.HALTED:
            scope, _, kind = detail.rpartition("|")
            detail = f"trading is halted: {scope} ({kind}); `trimtab status` says what ends it"
        if word is NotNowReason.MAINTENANCE:
            ends_at = EPOCH + timedelta(milliseconds=self._replies.count(detail))
            detail = f"a maintenance window is open until {ends_at:%Y-%m-%d %H:%M:%S} UTC"
        return NotNow(word, detail, self._replies.count(wait_ms))

    def _draws_of(self, venue: VenueName, kind: CallKind) -> tuple[str | int, ...]:
        if venue not in self._rates:
            raise BadConfig(
                f"venue {venue!r}: an order for it is queued, but the settings have no such venue. "
                f"Put [venues.{venue}] back, or let the order expire."
            )
        return self._draws[venue, kind]

    def _limits_of(self, order: Order) -> RiskLimits:
        if order.portfolio not in self._limits:
            raise BadConfig(
                f"portfolio {order.portfolio!r}: an order of it is queued, but the settings have "
                f"no such portfolio. Put [portfolios.{order.portfolio}] back, or let the order "
                "expire."
            )
        return self._limits[order.portfolio]


def token_of(tenure: Tenure, lease_until_ms: int) -> str:
    """What only the holder of this lease knows."""
    return f"{lease_until_ms}:{tenure.slot}:{tenure.epoch}"


def _caps(limits: RiskLimits) -> tuple[int | str, int | str]:
    turnover, open_max = limits.turnover_quote_day_max, limits.open_orders_max
    return (
        "" if turnover is None else micro_of_cap(turnover),
        "" if open_max is None else open_max,
    )


def _words(draws: tuple[Draw, ...]) -> tuple[str | int, ...]:
    return tuple(
        word
        for draw in draws
        for word in (draw.name, draw.rate, draw.capacity, draw.cost, draw.floor)
    )


def _say_spent(order: Order, limits: RiskLimits, micro: int) -> str:
    return (
        f"{quote_of(micro)} {order.symbol.quote} of {order.portfolio} are traded or under way "
        f"today, and this order may trade {quote_of(micro_of_order(order))} more; at most "
        f"{limits.turnover_quote_day_max} are allowed"
    )
