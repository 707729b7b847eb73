"""How long each part of an order's way took, from what each process noted. Pure.

Belongs here: what the stages are called and between which two moments each lies.
"""

from collections.abc import Mapping, Sequence

from bench.failure import BenchFailed
from bench.figures import Percentiles, percentiles_of

Moments = Mapping[str, int]
"""Moment → CLOCK_MONOTONIC in ns, of one order."""

QUEUED, CLAIMED, GATED, PERMITTED = "queued", "claimed", "gated", "permitted"
READ, REPLIED, ANSWERED, ENDED = "read", "replied", "answered", "acknowledged"
CPU = "cpu"
"""No moment: the processor time that the process of a drain had used when the order ended."""

STAGES: Mapping[str, tuple[str, str]] = {
    "queue": (QUEUED, CLAIMED),
    "gate": (CLAIMED, GATED),
    "permit": (GATED, PERMITTED),
    "client": (PERMITTED, READ),
    "venue": (READ, REPLIED),
    "answer": (REPLIED, ANSWERED),
    "books": (ANSWERED, ENDED),
}
"""Parts that follow one another: together they are the whole way."""
SUMS: Mapping[str, tuple[str, str]] = {
    "to venue": (QUEUED, READ),
    "to answer": (QUEUED, ANSWERED),
    "total": (QUEUED, ENDED),
}


def measure_stages(orders: Sequence[Moments]) -> Mapping[str, Percentiles]:
    """Milliseconds of every stage and sum for which the orders have both moments.

    Raises:
        BenchFailed: some orders have a moment that others lack.
    """
    assert orders, "no orders"
    known = set(orders[0])
    if strange := [moments for moments in orders if set(moments) != known]:
        unlike = sorted(known ^ set(strange[0]))
        raise BenchFailed(
            f"{len(strange)} of {len(orders)} orders went another way: {', '.join(unlike)} is "
            "noted for some of them only"
        )
    return {
        stage: percentiles_of([(moments[last] - moments[first]) / 1e6 for moments in orders])
        for stage, (first, last) in {**STAGES, **SUMS}.items()
        if {first, last} <= known
    }
