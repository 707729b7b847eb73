"""A drain session over fakes: send and book until nothing is left; each wait moves the clock."""

from decimal import Decimal

from rebalancer.booking import book
from rebalancer.desk import Answered, Desk, Unsettled
from rebalancer.gate import GateHeld, GatePolicy
from rebalancer.ledger import Ledger
from rebalancer.ports import Alarm, OrderQueue, TradingControls, Venue
from rebalancer.queue import Claim, InDoubt, NotNow, QueueEmpty, Tenure
from rebalancer.sending import advance, claim_next
from rebalancer.settlement import Settlement
from tests.factories import VENUE
from tests.fakes.alarm import RecordingAlarm
from tests.fakes.clock import FakeClock
from tests.fakes.controls import FakeControls
from tests.fakes.line import OneByOne

LEASE_MS = 5_000
POST_MS = 10_000
STEPS_MAX = 60
GATE = GatePolicy(latency_ms_max=150, urgency_override=Decimal("0.8"), hold_ms=250)

Step = Settlement | Unsettled | GateHeld | NotNow


def make_desk(
    venue: Venue,
    queue: OrderQueue,
    ledger: Ledger,
    clock: FakeClock,
    *,
    controls: TradingControls | None = None,
    alarm: Alarm | None = None,
) -> Desk:
    """A desk over these ports. A queue that obeys controls must be given the same ones."""
    return Desk(
        venues={VENUE: venue},
        gates={VENUE: GATE},
        queue=queue,
        line=OneByOne(queue),
        controls=controls or FakeControls(clock),
        ledger=ledger,
        alarm=alarm or RecordingAlarm(),
        clock=clock,
        lease_ms=LEASE_MS,
        post_ms={VENUE: POST_MS},
    )


def open_tenure(queue: OrderQueue, *, owner: str = "one") -> Tenure:
    tenure = queue.open_tenure(0, owner=owner, ttl_ms=10 * LEASE_MS)
    assert tenure is not None
    return tenure


async def take_step(desk: Desk, tenure: Tenure) -> Step | QueueEmpty:
    """Send or look up one order, and book what was answered."""
    sent = await send_next(desk, tenure)
    return await book(desk, sent) if isinstance(sent, Answered) else sent


async def send_next(desk: Desk, tenure: Tenure) -> Answered | GateHeld | NotNow | QueueEmpty:
    """Claim one order, and send it or look it up."""
    claimed = await claim_next(desk, tenure, most=1)
    match claimed.found:
        case (Claim() | InDoubt() as claim,):
            return await advance(desk, claim)
    assert claimed.empty is not None, claimed
    return claimed.empty


async def drain(desk: Desk, tenure: Tenure, clock: FakeClock) -> list[Step]:
    """Every step until the queue is empty for good. A walk that never ends fails here."""
    steps: list[Step] = []
    for _ in range(STEPS_MAX):
        step = await take_step(desk, tenure)
        if not isinstance(step, QueueEmpty):
            steps.append(step)
        elif step.next_at_ms is None:
            return steps
        else:
            clock.advance(max(step.next_at_ms - clock.now_ms(), 1))
    raise AssertionError(f"still not empty after {STEPS_MAX} steps: {steps}")
