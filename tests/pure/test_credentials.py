"""A key is traded with only when its rights are known and are the right ones."""

from dataclasses import replace

import pytest

from rebalancer.credentials import UNTOLD, KeyFault, KeyPolicy, KeyRights, judge_key

SOUND = KeyRights(may_read=True, may_trade=True, may_withdraw=False, is_ip_bound=True)
STRICT = KeyPolicy(allow_unreadable_rights=False, require_ip_binding=True)
LENIENT = KeyPolicy(allow_unreadable_rights=True, require_ip_binding=False)


def faults(
    rights: KeyRights, policy: KeyPolicy = STRICT, clock_skew_ms: int | None = 0
) -> list[tuple[KeyFault, bool]]:
    found = judge_key(rights, clock_skew_ms=clock_skew_ms, policy=policy)
    return [(finding.fault, finding.stops_trading) for finding in found]


@pytest.mark.parametrize("clock_skew_ms", [None, 0, 999, -999])
def test_a_key_with_the_right_rights_has_no_fault(clock_skew_ms: int | None) -> None:
    assert not faults(SOUND, clock_skew_ms=clock_skew_ms)


@pytest.mark.parametrize("policy", [STRICT, LENIENT])
@pytest.mark.parametrize(
    ("rights", "fault"),
    [
        (replace(SOUND, may_trade=False), KeyFault.MAY_NOT_TRADE),
        (replace(SOUND, may_withdraw=True), KeyFault.MAY_WITHDRAW),
    ],
)
def test_no_setting_allows_a_key_that_must_not_be_used(
    rights: KeyRights, fault: KeyFault, policy: KeyPolicy
) -> None:
    assert faults(rights, policy) == [(fault, True)]


@pytest.mark.parametrize("right", ["may_trade", "may_withdraw"])
def test_a_right_the_venue_does_not_tell_stops_trading_unless_allowed_by_name(right: str) -> None:
    rights = replace(SOUND, **{right: None})
    assert faults(rights) == [(KeyFault.CANNOT_READ_RIGHTS, True)]
    assert faults(rights, LENIENT) == [(KeyFault.CANNOT_READ_RIGHTS, False)]
    (finding,) = judge_key(rights, clock_skew_ms=0, policy=STRICT)
    assert "allow_unreadable_rights = true" in finding.detail


def test_what_one_right_says_is_heard_when_another_is_untold() -> None:
    rights = replace(UNTOLD, may_withdraw=True)
    assert (KeyFault.MAY_WITHDRAW, True) in faults(rights, LENIENT)


def test_a_key_bound_to_no_address_is_a_warning_unless_binding_is_required() -> None:
    unbound, untold = (replace(SOUND, is_ip_bound=value) for value in (False, None))
    assert faults(unbound, LENIENT) == [(KeyFault.NOT_IP_BOUND, False)]
    assert faults(unbound, STRICT) == [(KeyFault.NOT_IP_BOUND, True)]
    assert faults(untold, STRICT) == [(KeyFault.NOT_IP_BOUND, False)]
    assert not faults(untold, LENIENT)


@pytest.mark.parametrize(("clock_skew_ms", "words"), [(1_000, "behind"), (-1_500, "ahead of")])
def test_a_clock_that_is_off_by_a_second_stops_trading(clock_skew_ms: int, words: str) -> None:
    (finding,) = judge_key(SOUND, clock_skew_ms=clock_skew_ms, policy=LENIENT)
    assert (finding.fault, finding.stops_trading) == (KeyFault.CLOCK_SKEWED, True)
    assert f"{abs(clock_skew_ms)} ms {words} the venue's" in finding.detail
