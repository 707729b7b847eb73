"""What a person is told of an error."""

import pytest
from sqlalchemy.exc import InterfaceError, OperationalError

from services.cli.failures import Exit, explain, is_interrupt


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError])
def test_a_database_that_dies_under_dagster_is_one_message_without_its_statement(
    kind: type[OperationalError],
) -> None:
    lost = kind("SELECT secret", {}, Exception("server closed the connection\nunexpectedly"))
    wrapped = RuntimeError("storage")
    wrapped.__cause__ = lost
    for error in (lost, wrapped):
        told = explain(error)
        assert told is not None
        message, code = told
        assert code is Exit.UNAVAILABLE
        assert "server closed the connection unexpectedly" in message
        assert "TRIMTAB_DAGSTER_DATABASE_URL" in message
        assert "SELECT" not in message


def test_a_bug_of_ours_is_not_explained_away() -> None:
    assert explain(KeyError("x")) is None


def test_a_failure_that_came_of_ctrl_c_is_an_interrupt() -> None:
    wrapped = RuntimeError("run failed")
    wrapped.__cause__ = KeyboardInterrupt()
    assert is_interrupt(wrapped)
    assert is_interrupt(KeyboardInterrupt())
    assert not is_interrupt(RuntimeError("run failed"))
