"""Options and settings that cannot be, and what a person is told of them."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from resources.settings import PaperSettings, Settings
from services.cli.demo_options import DemoOptions, paper_settings
from services.cli.failures import CommandFailed, Exit, explain
from services.cli.orders import show_order
from services.cli.paper_hint import silent_paper_port
from services.cli.terminal import counted


@pytest.mark.parametrize("speed", ["x", "0", "-1", "NaN", ""])
def test_a_speed_that_cannot_be_is_told_as_it_was_typed(speed: str) -> None:
    with pytest.raises(CommandFailed) as told:
        paper_settings(DemoOptions(speed=speed))
    assert told.value.code is Exit.BAD_INPUT
    assert str(told.value).startswith("--speed: expected a number above 0 such as 10 or 0.5")
    assert str(told.value).endswith(f"was {speed!r}")


def test_every_wrong_option_of_a_demo_is_told_in_one_message() -> None:
    with pytest.raises(CommandFailed, match=r"--seed: .* was '-1'; --speed: .* was '0'"):
        paper_settings(DemoOptions(seed=-1, speed="0"))


def test_settings_that_slip_through_are_one_message_without_their_value() -> None:
    with pytest.raises(ValidationError) as refused:
        PaperSettings.model_validate({"seed": "hidden"})
    told = explain(refused.value)
    assert told is not None
    message, code = told
    assert code is Exit.BAD_INPUT
    assert message.startswith("seed: ")
    assert "hidden" not in message


@pytest.mark.parametrize("prefix", ["", "a", "abc"])
def test_too_little_of_an_order_id_is_refused(prefix: str) -> None:
    with pytest.raises(CommandFailed, match="expected at least 4 characters of an order id"):
        show_order(prefix, as_json=False)


def test_one_thing_is_not_many() -> None:
    assert [counted(n, "order") for n in (0, 1, 2)] == ["0 orders", "1 order", "2 orders"]


@pytest.mark.parametrize(
    ("rest_url", "paper", "message", "port"),
    [
        ("http://127.0.0.1:8090", {}, "paper at 127.0.0.1:8090 is down", 8090),
        ("http://127.0.0.1:8090", {}, "PostgreSQL at 127.0.0.1:5432 is down", None),
        ("http://127.0.0.1:8090", None, "paper at 127.0.0.1:8090 is down", None),
        ("https://example.com:443", {}, "paper at example.com:443 is down", None),
    ],
)
def test_only_a_paper_exchange_of_this_machine_can_be_started_by_a_hint(
    rest_url: str, paper: dict[str, int] | None, message: str, port: int | None, tmp_path: Path
) -> None:
    settings = Settings.model_validate(
        {
            "home": tmp_path,
            "paper": paper,
            "venues": {"paper": {"exchange": "binance", "rest_url": rest_url}},
            "portfolios": {
                "core": {
                    "venue": "paper",
                    "quote": "USDC",
                    "targets_bps": {"BTC": 6_000, "USDC": 4_000},
                }
            },
        }
    )
    assert silent_paper_port(settings, message) == port
