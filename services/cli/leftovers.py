"""Orders that an earlier paper run left waiting for an exchange that is gone.

Belongs here: ending them on the books, so that a new paper exchange begins with an empty queue.
Only for homes on paper: at a real venue an order is looked up, never presumed.
"""

import asyncio

from rebalancer.queue import MAIN_SLOT, Claim, InDoubt
from rebalancer.settlement import Expired, NotFound, settle
from resources.system_clock import SystemClock
from resources.wiring import Stores

TENURE_MS = 30_000
LEASE_MS = 5_000


def retire_leftovers(stores: Stores) -> int:
    """End every order that may be claimed now. Returns how many there were."""
    depth = stores.queue.depth()
    if depth.waiting == 0 and depth.in_doubt == 0:
        return 0
    tenure = stores.queue.open_tenure(MAIN_SLOT, owner="a new paper exchange", ttl_ms=TENURE_MS)
    if tenure is None:
        return 0
    retired = 0
    clock = SystemClock()
    try:
        while True:
            now_ms = clock.now_ms()
            match stores.queue.claim(tenure, now_ms=now_ms, lease_ms=LEASE_MS):
                case Claim(order=order):
                    settlement = settle(Expired(order), ())
                case InDoubt(order=order):
                    settlement = settle(NotFound(order), ())
                case _:
                    return retired
            receipt = asyncio.run(stores.ledger.record(settlement, now_ms=now_ms))
            stores.queue.acknowledge(receipt)
            retired += 1
    finally:
        stores.queue.close_tenure(tenure)
