"""Halts in words: as JSON, as lines, and how each of them is ended."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich.text import Text

from rebalancer.controls import HaltKind, ScopeKind, TradingHalt
from services.cli.instants import instant_text
from services.cli.order_words import moment
from services.cli.scopes import options_of
from services.cli.terminal import out, say

_CALLED = {
    HaltKind.BY_HAND: Text("halted", style="bold red"),
    HaltKind.FREEZE: Text("frozen", style="bold magenta"),
    HaltKind.DENIED: Text("key denied", style="bold red"),
}


def cure_of(halt: TradingHalt) -> str:
    """The command that ends the halt, where that is allowed."""
    if halt.kind is HaltKind.FREEZE:
        if halt.scope.kind is ScopeKind.PORTFOLIO:
            return f"trimtab orders adopt{options_of(halt.scope)}"
        return "trimtab orders adopt --portfolio NAME"
    return f"trimtab resume{options_of(halt.scope)}"


def called(halt: TradingHalt) -> str:
    """The word for its kind, such as `frozen`."""
    return _CALLED[halt.kind].plain


def halt_json(halt: TradingHalt) -> dict[str, Any]:
    return {
        "scope": halt.scope.key,
        "kind": halt.kind.value,
        "reason": halt.reason,
        "actor": halt.actor,
        "at": moment(halt.at_ms),
        "ended_by": cure_of(halt),
    }


def halts_json(halts: Iterable[TradingHalt]) -> list[dict[str, Any]]:
    return [halt_json(halt) for halt in halts]


def show_halts(halts: Sequence[TradingHalt]) -> None:
    """Each halt with its reason and its cure on lines of their own: reasons are long."""
    for halt in halts:
        since = f"since {instant_text(halt.at_ms)} by {halt.actor}"
        out().print(Text.assemble(str(halt.scope), " ", _CALLED[halt.kind], f" {since}"))
        say(f"    why: {halt.reason}")
        say(f"    ended by: {cure_of(halt)}")
