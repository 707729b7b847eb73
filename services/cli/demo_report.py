"""What a demo says at its end, to people and to programs."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from rebalancer.money import plain
from rebalancer.plan import SkippedLeg
from resources.archive_rows import FillRow, OrderRow
from services.cli.failures import Exit
from services.cli.looking import Look
from services.cli.order_words import (
    fill_json,
    order_json,
    show_fills,
    show_orders,
    show_skips,
    skip_json,
)
from services.cli.terminal import (
    counted,
    heading,
    out,
    percent,
    points,
    print_json,
    table,
    weight_bar,
)

NEXT = (
    ("up    ", "the same, live, with the Dagster UI"),
    ("orders", "every order and what became of it"),
    ("plan  ", "with your own trimtab.toml: what it would do; it sends nothing"),
)


@dataclass(frozen=True, slots=True)
class DemoResult:
    """One demo from its first look at the account to its last."""

    prices: str
    before: Look
    after: Look
    drift_bps_min: int
    cycles: int
    orders: tuple[OrderRow, ...]
    skipped: tuple[SkippedLeg, ...]
    fills: tuple[FillRow, ...]
    elapsed_seconds: float
    home: Path

    @property
    def code(self) -> Exit:
        return Exit.OK if self.after.within_band else Exit.GOAL_MISSED


def print_demo_json(result: DemoResult) -> None:
    print_json(
        {
            "weights_before": weights_json(result.before),
            "weights_after": weights_json(result.after),
            "targets": {drift.asset: drift.target_bps for drift in result.after.by_target()},
            "within_band": result.after.within_band,
            "orders": [order_json(row) for row in result.orders],
            "skipped": [skip_json(skip) for skip in result.skipped],
            "fills": [fill_json(row) for row in result.fills],
            "elapsed_seconds": round(result.elapsed_seconds, 3),
        }
    )


def program() -> str:
    """How this program was called, so that a hint can be typed as it stands."""
    called = Path(sys.argv[0]).absolute()
    if shutil.which(called.name) == str(called):
        return called.name
    return str(called.relative_to(Path.cwd()) if called.is_relative_to(Path.cwd()) else called)


def show_demo(result: DemoResult) -> None:
    heading("Orders")
    show_orders(result.orders)
    if result.skipped:
        heading("Left alone")
        show_skips(result.skipped)
    heading("Fills")
    show_fills(result.fills)
    heading("Weights")
    _show_weights(result)
    _show_verdict(result)


def show_weights(look: Look, drift_bps_min: int) -> None:
    """Each weight with its bar; the mark in the bar is the target."""
    table(
        ("asset", "weight", "", "target", "drift (points)"),
        [
            (
                drift.asset,
                percent(drift.weight_bps),
                weight_bar(
                    drift.weight_bps,
                    drift.target_bps,
                    within=abs(drift.drift_bps) <= drift_bps_min,
                ),
                percent(drift.target_bps),
                points(drift.drift_bps),
            )
            for drift in look.by_target()
        ],
        right="weight,target,drift (points)",
    )


def weights_json(look: Look) -> dict[str, str]:
    """Basis points, like the targets: 10 000 are the whole portfolio."""
    return {drift.asset: plain(drift.weight_bps) for drift in look.by_target()}


def _show_weights(result: DemoResult) -> None:
    band = result.drift_bps_min
    after = {drift.asset: drift for drift in result.after.drifts}
    rows = []
    for drift in result.before.by_target():
        then = after[drift.asset]
        rows.append(
            (
                drift.asset,
                percent(drift.target_bps),
                percent(drift.weight_bps),
                weight_bar(drift.weight_bps, drift.target_bps, within=abs(drift.drift_bps) <= band),
                percent(then.weight_bps),
                weight_bar(then.weight_bps, then.target_bps, within=abs(then.drift_bps) <= band),
            )
        )
    table(("asset", "target", "before", " ", "after", "  "), rows, right="target,before,after")


def _show_verdict(result: DemoResult) -> None:
    cycles = counted(result.cycles, "cycle")
    band = percent(result.drift_bps_min).replace(" %", "")
    if result.after.within_band:
        verdict = Text.assemble(
            ("In its band. ", "bold green"), f"Every weight is within {band} points of its target."
        )
    else:
        verdict = Text.assemble(
            ("Not in its band. ", "bold red"),
            f"A weight is more than {band} points from its target after {cycles}; "
            f"the orders above say why.",
        )
    out().print()
    out().print(verdict)
    out().print(
        f"{cycles}, {counted(len(result.orders), 'order')}, {counted(len(result.fills), 'fill')}, "
        f"{result.elapsed_seconds:.1f} s. Prices: {result.prices}."
    )
    out().print()
    for command, what in NEXT:
        out().print(Text.assemble("  ", (f"{program()} {command}", "bold"), f"  {what}"))
    out().print()
    out().print(Text(f"Books, logs and settings of the demo: {result.home}", style="dim"))
