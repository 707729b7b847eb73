"""A freeze must have a cause."""

from tests.chaos.verdict import judge_freezes


def test_a_freeze_that_nobody_caused_is_found() -> None:
    found = judge_freezes({"frozen: balances moved without us": 1}, {"stale_balances": 3})
    assert [violation.order_id for violation in found.violations] == ["portfolio"]


def test_a_freeze_with_a_cause_is_no_violation() -> None:
    assert not judge_freezes({"frozen: balances moved without us": 1}, {"deposit": 1}).violations
    assert not judge_freezes({}, {}).violations
