"""What a run is asked for, and reading it from the command line."""

import argparse
from dataclasses import dataclass

from tests.chaos.faults import KINDS
from tests.chaos.scenarios import SCENARIOS
from tests.chaos.schedule import LONG, SHORT, Pace

SHORT_SECONDS = 45.0
"""For a slow machine: elsewhere the rounds of the short form are over before."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is asked for.

    Attributes:
        orders: Orders the venue must have taken before the storm may end.
        kills: Workers that must have been killed before.
        seed: Decides everything that is asked for.
        drains: Drain sessions at once, each with a slot of its own.
        seconds_max: The storm ends after this long, whatever was reached.
        rate: The venue's orders_per_second_max.
        fault_kinds: The faults to draw from.
        scenarios: The scenarios to draw from.
        pace: How often the rare things happen.
    """

    orders: int
    kills: int
    seed: int
    drains: int
    seconds_max: float
    rate: int
    fault_kinds: tuple[str, ...]
    scenarios: tuple[str, ...]
    pace: Pace


def read_plan(given: argparse.Namespace) -> Plan:
    """Raises SystemExit with a message for a fault or scenario that there is not."""
    return Plan(
        orders=0 if given.short else given.orders,
        kills=10**9 if given.short else given.kills,
        seed=given.seed,
        drains=given.drains,
        seconds_max=SHORT_SECONDS if given.short else 60 * given.minutes_max,
        rate=given.rate,
        fault_kinds=_chosen("--faults", given.faults, KINDS, KINDS),
        scenarios=_chosen("--scenarios", given.scenarios, tuple(SCENARIOS), tuple(SCENARIOS)),
        pace=SHORT if given.short else LONG,
    )


def _chosen(
    option: str, text: str | None, usual: tuple[str, ...], known: tuple[str, ...]
) -> tuple[str, ...]:
    if text is None:
        return usual
    words = {"none": (), "all": known}.get(text, tuple(text.split(",")))
    if strangers := [word for word in words if word not in known]:
        raise SystemExit(f"{option}: expected some of {', '.join(known)}, was {strangers[0]!r}")
    return words
