"""What a run does and when: a pure function of its seed.

Belongs here: rounds of price moves, faults and kills, the targets of every cycle, and the order in
which workers are to die. Does not belong here: doing any of it. What a fault then meets depends on
the machine; what is asked for does not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from rebalancer.money import BPS_WHOLE
from tests.chaos.faults import FREEZING, ORDER_FAULTS, draw_fault

LEVEL_BPS_MAX = 1_200
"""Prices stand within this of where they began, so a long run never leaves the market's steps."""
CASH_BPS_MIN = 1_500
LATENCIES_MS = (0, 0, 0, 2, 20, 60, 150)
FAULT_SHARE = 0.6
KILL_SHARE = 0.3
NTH_MAX = 12
DEALT_FOR_MS = 20_000

SERVERS = ("redis", "postgresql")


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the rare things happen, in rounds, and how long workers are left alone.

    Attributes:
        crash_every: A server is killed, each in turn.
        cut_every: All connections to a server are cut, each in turn.
        scenario_every: A scenario is played, each in turn.
        delay_ms_max: Workers are left alone for half of this on average: the longer, the more
            orders a kill.
        freezing_share: Of the faults that freeze the portfolio, so many in one are kept.
        doomed_share: Of the workers, so many in one are told at which step to die. The others live
            on to trade, and die at random instants only.
        faults_dealt: So many faults a round, every kind in its turn; None: by chance, one at most.
        rounds_max: The storm ends after so many rounds; None: by what it reached.
    """

    crash_every: int
    cut_every: int
    scenario_every: int
    delay_ms_max: int
    freezing_share: float
    doomed_share: float = 1.0
    faults_dealt: int | None = None
    rounds_max: int | None = None


LONG = Pace(
    crash_every=30, cut_every=20, scenario_every=25, delay_ms_max=20_000, freezing_share=0.4
)
SHORT = Pace(
    crash_every=7,
    cut_every=7,
    scenario_every=7,
    delay_ms_max=4_000,
    freezing_share=0.0,
    doomed_share=0.5,
    faults_dealt=2,
    rounds_max=15,
)
"""Few rounds, so nothing is left to chance: each server is killed and cut, and kinds take turns."""
assert SHORT.rounds_max is not None
assert SHORT.rounds_max > len(SERVERS) * max(SHORT.crash_every, SHORT.cut_every)


@dataclass(frozen=True, slots=True)
class Kill:
    """kill -9 of a worker so long after the round began. Victims: 0 is the cycle, then drains."""

    after_ms: int
    victim: int


@dataclass(frozen=True, slots=True)
class Round:
    """One stretch of the run, of `ROUND_MS`."""

    index: int
    levels_bps: Mapping[str, int]
    latency_ms: int
    faults: tuple[Mapping[str, Any], ...]
    kills: tuple[Kill, ...]
    crash: str | None
    """The server that is killed with -9 and started again."""
    cut: str | None
    """The server whose connections are all cut."""
    scenario: str | None


@dataclass(frozen=True, slots=True)
class Ticket:
    """How one worker is to die by its own hand: at which call, and not before when."""

    turn: int
    delay_ms: int
    nth: int
    keeps_owner: bool
    """Whether it calls itself as the one before it did, and so takes the slot over at once."""
    is_to_die: bool
    """Whether it dies by its own hand: at its turn, or at once where nobody died yet."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Everything that is decided before the run."""

    seed: int
    bases: tuple[str, ...]
    drains: int
    fault_kinds: tuple[str, ...]
    scenarios: tuple[str, ...]
    pace: Pace

    def round(self, index: int) -> Round:
        random = Random(f"{self.seed}/round/{index}")
        return Round(
            index=index,
            levels_bps={base: random.randint(-LEVEL_BPS_MAX, LEVEL_BPS_MAX) for base in self.bases},
            latency_ms=random.choice(LATENCIES_MS),
            faults=self._faults(random, index),
            kills=self._kills(random),
            crash=self._in_turn("crash", self.pace.crash_every, index, SERVERS),
            cut=self._in_turn("cut", self.pace.cut_every, index, SERVERS),
            scenario=self._in_turn("play", self.pace.scenario_every, index, self.scenarios),
        )

    def targets_bps(self, cycle: int, cash: str) -> dict[str, int]:
        """Weights that sum to 10 000 and differ with every cycle, so there is always a trade."""
        random = Random(f"{self.seed}/targets/{cycle}")
        shares = [random.randint(1, 10) for _ in self.bases]
        whole = BPS_WHOLE - CASH_BPS_MIN
        weights = {
            base: whole * share // sum(shares)
            for base, share in zip(self.bases, shares, strict=True)
        }
        return {**weights, cash: BPS_WHOLE - sum(weights.values())}

    def ticket(self, number: int) -> Ticket:
        """For the `number`-th worker started."""
        random = Random(f"{self.seed}/ticket/{number}")
        return Ticket(
            turn=number,
            delay_ms=random.randint(0, self.pace.delay_ms_max),
            nth=random.randint(1, NTH_MAX),
            keeps_owner=random.random() < 0.7,
            is_to_die=random.random() < self.pace.doomed_share,
        )

    def _in_turn(self, what: str, every: int, index: int, choices: Sequence[str]) -> str | None:
        """Once in so many rounds the next of `choices`; the seed says where it begins."""
        # Never in the first round: work must have begun.
        begin = 1 + Random(f"{self.seed}/{what}").randrange(every)
        if index < begin or (index - begin) % every or not choices:
            return None
        return choices[(index - begin) // every % len(choices)]

    def _faults(self, random: Random, index: int) -> tuple[Mapping[str, Any], ...]:
        if not self.fault_kinds:
            return ()
        if self.pace.faults_dealt is not None:
            return self._dealt(random, index, self.pace.faults_dealt)
        if random.random() >= FAULT_SHARE:
            return ()
        kind = random.choice(self.fault_kinds)
        if kind in FREEZING and random.random() >= self.pace.freezing_share:
            kind = random.choice([one for one in self.fault_kinds if one not in FREEZING] or [kind])
        return (draw_fault(random, kind, self.bases),)

    def _dealt(self, random: Random, index: int, count: int) -> tuple[Mapping[str, Any], ...]:
        """The next kinds of the deck, with one of those that freeze the portfolio at its end."""
        deck = [kind for kind in self.fault_kinds if kind not in FREEZING]
        deal = Random(f"{self.seed}/deck")
        deal.shuffle(deck)
        if freezing := [kind for kind in self.fault_kinds if kind in FREEZING]:
            deck.append(deal.choice(freezing))
        begin = count * index
        kinds = [deck[place % len(deck)] for place in range(begin, begin + count)]
        drawn = [draw_fault(random, kind, self.bases) for kind in kinds]
        # Orders come in bursts between crashes: a fault of theirs waits for the next one.
        waits = {"count": 1, "for_ms": DEALT_FOR_MS}
        return tuple(
            {**fault, **waits} if fault["kind"] in ORDER_FAULTS else fault for fault in drawn
        )

    def _kills(self, random: Random) -> tuple[Kill, ...]:
        if random.random() >= KILL_SHARE:
            return ()
        return (Kill(random.randint(0, ROUND_MS - 1), random.randint(0, self.drains)),)


ROUND_MS = 1_000
"""Long enough for a cycle and its orders."""
