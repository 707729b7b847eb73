"""Every error raised on purpose, arranged by what must happen next.

    RebalancerError
    ├── SkipCycle            nothing was sent; the next cycle observes and plans afresh
    │   ├── StaleInput       a quote, balance or market rule is too old to trade on
    │   ├── UnpricedAsset    a targeted asset has no valid quote
    │   ├── UnknownMarket    the venue does not list a symbol the targets need
    │   ├── OffPeg           the quote currency is not worth what the targets assume
    │   ├── EmptyPortfolio   the account holds nothing the targets name
    │   ├── AccountMoved     the account changed in a way the books do not explain (yet)
    │   └── BadData          a venue's answer cannot be read; it is never guessed at
    ├── VenueUnavailable     a read failed; reading again is safe (retry_after_ms)
    ├── StoreUnavailable     PostgreSQL or Redis did not answer; nothing was sent
    │   └── QueueLost        Redis has lost the queue; it is rebuilt from PostgreSQL first
    ├── LeaseLost            another worker owns the order; stop touching it
    └── Halt                 a human is needed; stop trading
        ├── BadConfig        the settings cannot mean what was intended
        ├── VenueDenied      the venue rejects our key or its rights
        └── BooksDisagree    our books and the venue cannot both be right

A caller chooses by branch, never by message. Outcomes a caller carries on from (an order refused,
a gate held, a queue empty) are return values, not errors. A broken assertion is a bug: it is not
in this tree and is never caught.
"""


class RebalancerError(Exception):
    """Base of every deliberate error."""


class SkipCycle(RebalancerError):
    """Nothing was sent. Drop this cycle; the next one observes and plans afresh."""


class StaleInput(SkipCycle):
    """A quote, balance or market rule is older than the policy allows, or from the future."""


class UnpricedAsset(SkipCycle):
    """A targeted asset has no valid quote."""


class UnknownMarket(SkipCycle):
    """The venue does not list a symbol the targets need."""


class OffPeg(SkipCycle):
    """The quote currency's reference market is too far from 1."""


class EmptyPortfolio(SkipCycle):
    """The account is worth nothing in the targeted assets: weights have no meaning."""


class AccountMoved(SkipCycle):
    """Balances are not what our own trades made of them. Asked again before it counts."""


class BadData(SkipCycle):
    """The venue's answer cannot be read exactly. It is refused, never guessed at."""


class VenueUnavailable(RebalancerError):
    """A read from the venue failed. Reading again is safe after `retry_after_ms`.

    `is_rate_limit`: the venue asked for fewer requests, so nobody else should ask before then.
    """

    def __init__(self, message: str, *, retry_after_ms: int, is_rate_limit: bool = False) -> None:
        assert retry_after_ms >= 0, retry_after_ms
        super().__init__(message)
        self.retry_after_ms = retry_after_ms
        self.is_rate_limit = is_rate_limit


class StoreUnavailable(RebalancerError):
    """PostgreSQL or Redis did not answer. Without it nothing may be sent."""


class QueueLost(StoreUnavailable):
    """Redis does not hold the queue that the books belong to. Recover it before anything else."""


class LeaseLost(RebalancerError):
    """The claim on an order has passed to another worker."""


class Halt(RebalancerError):
    """A human is needed. Stop trading and page."""


class BadConfig(Halt):
    """The settings cannot mean what was intended."""


class VenueDenied(Halt):
    """The venue rejects our key or its rights."""


class BooksDisagree(Halt):
    """Our books and the venue cannot both be right."""
