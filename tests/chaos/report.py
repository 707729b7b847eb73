"""What a run prints: the table of figures, and the evidence of each violation."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.chaos.evidence import read_lines
from tests.chaos.facts import Violation
from tests.chaos.run import Outcome

SHOWN_MAX = 6
JOURNAL_LINES_MAX = 8
TABLE_WIDTH = 48
ORDER_ID_LENGTH = 32


def print_report(outcome: Outcome, journal: Path, console: Console) -> None:
    """Figures first, then every broken promise with its lines."""
    console.print(_figures("Faults fired", outcome.faults_fired))
    console.print(_figures("Servers, connections, scenarios and endings", outcome.asked))
    console.print(_figures("Freezes seen by the person", outcome.freezes))
    console.print(_figures("Kills (-9) by step", outcome.kills))
    if outcome.unreached:
        console.print(f"steps no worker died at: {', '.join(outcome.unreached)}", soft_wrap=True)
    console.print(_figures("What workers said", outcome.diary.endings))
    console.print(_checks(outcome))
    console.print(_summary(outcome), soft_wrap=True)
    by_check: dict[str, list[Violation]] = defaultdict(list)
    for check, violation in all_violations(outcome):
        by_check[check].append(violation)
    for check, violations in by_check.items():
        for violation in violations[:SHOWN_MAX]:
            _print_evidence(outcome, check, violation, journal, console)
        if len(violations) > SHOWN_MAX:
            more = len(violations) - SHOWN_MAX
            console.print(f"… and {more} more that violate: {check}", style="red")


def all_violations(outcome: Outcome) -> Iterable[tuple[str, Violation]]:
    for verdict in outcome.verdicts:
        for violation in verdict.violations:
            yield verdict.check, violation
    for halt in outcome.diary.halts:
        yield "no session is halted", Violation("-", halt)


def lost(outcome: Outcome) -> int:
    """Orders without an end, and orders the venue took that the books do not know."""
    return _count(outcome, "every order has an end", "what the venue took is on the books")


def doubled(outcome: Outcome) -> int:
    return _count(outcome, "no id is sent again once taken")


def _count(outcome: Outcome, *checks: str) -> int:
    return len(
        {
            violation.order_id
            for verdict in outcome.verdicts
            if verdict.check in checks
            for violation in verdict.violations
        }
    )


def _figures(title: str, figures: Mapping[str, int]) -> Table:
    table = Table(title=title, title_justify="left", show_header=False, min_width=TABLE_WIDTH)
    for name, count in sorted(figures.items(), key=lambda row: (-row[1], row[0])):
        table.add_row(name, f"{count:,}")
    table.add_section()
    table.add_row("all", f"{sum(figures.values()):,}")
    return table


def _checks(outcome: Outcome) -> Table:
    table = Table("check", "looked at", "violations", title="Checks", title_justify="left")
    for verdict in outcome.verdicts:
        count = len(verdict.violations)
        style = "red" if count else None
        table.add_row(verdict.check, f"{verdict.looked_at:,}", str(count), style=style)
    return table


def _summary(outcome: Outcome) -> str:
    evidence = outcome.evidence
    acted = sum(send.is_acted for send in evidence.sent)
    planned = sum(order.state == "planned" for order in evidence.orders)
    return (
        f"seed {outcome.plan.seed} · {outcome.plan.drains} drains · {outcome.rounds} rounds in"
        f" {outcome.seconds:.0f} s · {len(evidence.orders):,} orders on the books"
        f" ({planned:,} planned and never queued) · {len(evidence.sent):,} sent ·"
        f" {acted:,} taken · {len(evidence.trades):,} trades ·"
        f" {sum(outcome.kills.values()):,} kills ·"
        f" lost {lost(outcome)} · doubled {doubled(outcome)}"
    )


def _print_evidence(
    outcome: Outcome, check: str, violation: Violation, journal: Path, console: Console
) -> None:
    order_id = violation.order_id
    console.print(f"\nVIOLATED: {check}\n  {order_id}: {violation.what}", style="red")
    # Some violations are about an asset or a day: half of the journal would speak of it.
    is_order = len(order_id) == ORDER_ID_LENGTH
    told = [line for line in read_lines(journal) if is_order and order_id in json.dumps(line)]
    for line in told[:JOURNAL_LINES_MAX]:
        console.print(f"  journal {json.dumps(line)}", soft_wrap=True, highlight=False)
    for row in outcome.evidence.orders:
        if row.client_order_id == order_id:
            console.print(f"  books   {row}", soft_wrap=True, highlight=False)
    for event in outcome.evidence.history:
        if event.client_order_id == order_id:
            console.print(f"  history {event}", soft_wrap=True, highlight=False)
