"""`trimtab halt`: no new order of the scope, from now on, wherever a drain runs.

Belongs here: Redis first, because every permit asks there; then the books, so that the halt
outlives Redis. Each is tried by itself: a halt must work while one of the two is down.
"""

from dataclasses import dataclass
from typing import Any

from rebalancer.controls import HaltKind, Scope, TradingHalt
from rebalancer.errors import RebalancerError
from resources.settings import Settings
from resources.system_clock import SystemClock
from services.cli.asking import actor
from services.cli.failures import CommandFailed, Exit
from services.cli.halt_words import halt_json
from services.cli.instants import instant_text
from services.cli.scopes import options_of, portfolios_of, require_known
from services.cli.stores_apart import StoresApart, open_stores_apart, try_it
from services.cli.terminal import counted, note, print_json, say
from services.cli.under_way import (
    UnderWay,
    live_json,
    show_live,
    under_way_by_books,
    under_way_by_queue,
)
from services.cli.world import chosen_settings, load_with_paper_keys

REASON_MAX = 500


@dataclass(frozen=True, slots=True)
class Halted:
    """What came of it. A problem of None means done."""

    asked: TradingHalt
    standing: TradingHalt
    redis_problem: str | None
    books_problem: str | None
    under_way: UnderWay | None

    @property
    def is_effective(self) -> bool:
        return self.redis_problem is None


def halt_trading(scope: Scope, *, reason: str, as_json: bool) -> None:
    """Halt, then say what was done, what was not, and what is still under way."""
    if not 0 < len(reason.strip()) <= REASON_MAX:
        raise CommandFailed(
            f"--reason: expected 1 to {REASON_MAX} characters, was {len(reason)}", Exit.BAD_INPUT
        )
    with chosen_settings() as config_file:
        settings = load_with_paper_keys(config_file)
        require_known(scope, settings)
        with open_stores_apart(settings) as stores:
            # The clock is read last: settings and drivers take a while to load, and until then
            # nothing is halted.
            now_ms = SystemClock().now_ms()
            halt = TradingHalt(scope, HaltKind.BY_HAND, reason.strip(), actor(), now_ms)
            halted = _halt(halt, stores, settings)
    if as_json:
        print_json(_json(halted))
    else:
        _show(halted)
    _judge(halted)


def _halt(halt: TradingHalt, stores: StoresApart, settings: Settings) -> Halted:
    redis_problem = try_it(lambda: stores.controls.halt(halt))
    standing = _standing(halt, stores) if redis_problem is None else halt
    books_problem = try_it(lambda: stores.books(lambda ledger: ledger.record_halt(standing)))
    if redis_problem is None:
        # Once more: an older halt of this scope may have been lifted meanwhile, and this with it.
        redis_problem = try_it(lambda: stores.controls.halt(standing))
    return Halted(
        asked=halt,
        standing=standing,
        redis_problem=redis_problem,
        books_problem=books_problem,
        under_way=_under_way(halt.scope, stores, settings),
    )


def _standing(halt: TradingHalt, stores: StoresApart) -> TradingHalt:
    """The halt that is in force: the first reason given stands."""
    try:
        halts = stores.controls.halts()
    except RebalancerError:
        return halt
    same = [one for one in halts if (one.scope, one.kind) == (halt.scope, halt.kind)]
    return same[0] if same else halt


def _under_way(scope: Scope, stores: StoresApart, settings: Settings) -> UnderWay | None:
    """What is live, by whoever of the two can tell."""
    names = portfolios_of(scope, settings)
    try:
        return under_way_by_queue(stores.queue, names)
    except RebalancerError:
        pass
    try:
        return under_way_by_books(stores.books(lambda ledger: ledger.read_unsettled()), names)
    except RebalancerError:
        return None


def _judge(halted: Halted) -> None:
    """Fail unless the halt is known to be in force where permits are given."""
    if halted.is_effective:
        return
    again = f"trimtab halt{options_of(halted.asked.scope)}"
    if halted.books_problem is None:
        raise CommandFailed(
            f"the halt is on the books but not confirmed in Redis: {halted.redis_problem} While "
            "Redis is down nothing can be sent from anywhere, and each drain reads the books when "
            f"it starts. If it is only this machine that cannot reach it, run {again} where it "
            "can be reached; in any case run it again when Redis answers",
            Exit.UNAVAILABLE,
        )
    raise CommandFailed(
        f"NOT halted: {halted.redis_problem} And {halted.books_problem}. Nothing can be sent "
        "while Redis is down, but nothing holds once it is back: stop the drains (trimtab up, "
        f"Dagster) or take the key's right to trade at the venue, and run {again} again",
        Exit.UNAVAILABLE,
    )


def _json(halted: Halted) -> dict[str, Any]:
    live = halted.under_way
    return {
        "effective": halted.is_effective,
        "halt": halt_json(halted.standing),
        "redis": {"done": halted.redis_problem is None, "problem": halted.redis_problem},
        "books": {"done": halted.books_problem is None, "problem": halted.books_problem},
        "told_by": None if live is None else live.told_by,
        "under_way": None if live is None else live_json(live.sent),
        "waiting": None if live is None else live_json(live.waiting),
    }


def _show(halted: Halted) -> None:
    scope, standing = halted.asked.scope, halted.standing
    if halted.is_effective:
        say(f"Halted {scope}: no new order is sent. Cancels and look-ups still pass.")
    if standing.at_ms != halted.asked.at_ms:
        since = instant_text(standing.at_ms)
        say(f"It was halted already, since {since} by {standing.actor}: {standing.reason}")
    done = "done: in force now, for every process"
    say(f"Redis      {done if halted.redis_problem is None else 'NOT done'}")
    done = "done: it holds even if Redis loses its data"
    say(f"the books  {done if halted.books_problem is None else 'NOT done'}")
    _show_under_way(halted)
    say(f"To go on: trimtab resume{options_of(scope)}")
    if halted.is_effective and halted.books_problem is not None:
        note(
            f"Not on the books: {halted.books_problem}. The halt is in force; run trimtab halt"
            f"{options_of(scope)} again when PostgreSQL answers, so that it outlives Redis."
        )


def _show_under_way(halted: Halted) -> None:
    live = halted.under_way
    if live is None:
        say("What is under way is unknown: neither the queue nor the books can tell.")
        return
    if live.told_by == "books":
        say("By the books alone, since the queue does not answer:")
    if live.sent:
        say(f"{counted(len(live.sent), 'order')} sent before, which will be seen through:")
        show_live(live.sent, now_ms=halted.asked.at_ms)
    else:
        say("Nothing is under way at a venue.")
    if live.waiting:
        waiting = counted(len(live.waiting), "order")
        say(f"{waiting} not sent, which will end as expired when a drain meets the halt.")
