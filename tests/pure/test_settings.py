"""Settings: what is accepted, from where, and how a mistake is told."""

from decimal import Decimal
from pathlib import Path

import pytest

from rebalancer.errors import BadConfig
from rebalancer.risk import RiskLimits
from resources.settings_file import load_settings

EXAMPLE = Path(__file__).resolve().parents[2] / "trimtab.example.toml"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("TRIMTAB_CONFIG", "TRIMTAB_HOME", "TRIMTAB_SECRETS_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def refusal(file: Path) -> str:
    with pytest.raises(BadConfig) as refused:
        load_settings(file)
    return str(refused.value)


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = EXAMPLE.read_text()
    assert old in text
    file = tmp_path / "trimtab.toml"
    file.write_text(text.replace(old, new, 1))
    return file


def test_the_example_file_is_accepted_as_it_stands() -> None:
    settings = load_settings(EXAMPLE)
    _, portfolio, venue = settings.portfolio("core")
    policy = portfolio.policy(venue)
    assert (policy.drift_bps_min, policy.destination_bps, policy.order_ttl_ms) == (
        200,
        5_000,
        3_600_000,
    )
    gate = venue.gate()
    assert (gate.latency_ms_max, gate.urgency_override) == (150, Decimal("0.8"))
    assert venue.orders_per_second_max == 3


def test_weights_that_do_not_sum_to_one_are_refused_with_their_sum(tmp_path: Path) -> None:
    said = refusal(changed(tmp_path, "BTC = 4000", "BTC = 3999"))
    assert "portfolios.core.targets_bps" in said
    assert "9999" in said
    assert "10000" in said


def test_an_unknown_key_is_refused_by_its_name(tmp_path: Path) -> None:
    said = refusal(changed(tmp_path, "drift_bps_min = 200", "drift_bps_mim = 200"))
    assert "portfolios.core.drift_bps_mim: unknown key" in said


def test_a_value_out_of_range_is_refused_with_the_value_and_the_range(tmp_path: Path) -> None:
    said = refusal(changed(tmp_path, "latency_ms_max = 150", "latency_ms_max = 0"))
    assert "venues.paper.latency_ms_max" in said
    assert "greater than or equal to 1" in said
    assert "was 0" in said


def test_a_portfolio_on_a_venue_that_is_not_there_is_told_which_there_are(tmp_path: Path) -> None:
    said = refusal(changed(tmp_path, 'venue = "paper"', 'venue = "papper"'))
    assert "'papper'; expected one of: paper" in said


@pytest.mark.parametrize("written", ["1.5", '"edge"', "-0.1", "nan", "true"])
def test_a_destination_that_is_none_is_told_what_is_one(tmp_path: Path, written: str) -> None:
    said = refusal(changed(tmp_path, "destination = 0.5", f"destination = {written}"))
    assert 'portfolios.core.destination: expected "target" or a number from 0 to 0.9' in said


def test_a_peg_of_another_currency_is_refused(tmp_path: Path) -> None:
    said = refusal(changed(tmp_path, "USDC/USDT", "BTC/USDT"))
    assert "expected a market of USDC" in said


@pytest.mark.parametrize(
    ("table", "line", "variable"),
    [
        ("[venues.paper]", 'api_key = "k"', "TRIMTAB_VENUES__PAPER__API_KEY"),
        ("", 'redis_url = "redis://h"', "TRIMTAB_REDIS_URL"),
    ],
)
def test_a_secret_in_the_file_is_refused_with_where_it_belongs(
    tmp_path: Path, table: str, line: str, variable: str
) -> None:
    file = changed(tmp_path, f"{table}\n", f"{table}\n{line}\n")
    assert variable in refusal(file)


def test_the_environment_stands_above_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIMTAB_VENUES__PAPER__LATENCY_MS_MAX", "200")
    monkeypatch.setenv("TRIMTAB_VENUES__PAPER__API_SECRET", "very-secret")
    venue = load_settings(EXAMPLE).venues["paper"]
    assert venue.latency_ms_max == 200
    assert venue.exchange == "binance"
    assert "very-secret" not in repr(venue)


def test_a_bad_value_from_the_environment_is_not_blamed_on_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TRIMTAB_VENUES__PAPER__LATENCY_MS_MAX", "none")
    said = refusal(EXAMPLE)
    assert "environment variable TRIMTAB_VENUES__PAPER__LATENCY_MS_MAX" in said
    assert str(EXAMPLE) not in said


def test_a_misspelt_variable_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIMTAB_REDDIS_URL", "redis://h")
    assert "TRIMTAB_REDDIS_URL is not a setting" in refusal(EXAMPLE)


def test_a_secrets_folder_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "venues__paper__api_key").write_text("from-a-file\n")
    monkeypatch.setenv("TRIMTAB_SECRETS_DIR", str(tmp_path))
    key = load_settings(EXAMPLE).venues["paper"].api_key
    assert key is not None
    assert key.get_secret_value() == "from-a-file"


@pytest.mark.parametrize("text", ["venues = [", "\x00", 'home = "x'])
def test_a_file_that_is_not_toml_is_refused_by_its_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "trimtab.toml"
    file.write_text(text)
    assert f"{file} is not valid TOML" in refusal(file)


def test_no_file_at_all_says_what_to_copy(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"trimtab\.example\.toml"):
        load_settings()
    assert "does not exist" in refusal(tmp_path / "missing.toml")


def test_a_collar_inside_the_reach_is_refused_with_both(tmp_path: Path) -> None:
    said = refusal(changed(tmp_path, "collar_bps_max = 50", "collar_bps_max = 49"))
    assert "limits.collar_bps_max is 49, less than reach_bps_max 50" in said


def test_without_limits_only_the_collar_and_the_age_are_capped(tmp_path: Path) -> None:
    file = changed(tmp_path, "collar_bps_max = 50 ", "# ")
    _, portfolio, venue = load_settings(file).portfolio("core")
    limits = portfolio.policy(venue).limits
    assert limits == RiskLimits(None, None, None, None, 50, 3_600_000)


@pytest.mark.parametrize("written", ["1000.1", '"1000.1"', "0x3e8"])
def test_a_cap_is_a_number_or_the_same_in_quotes(tmp_path: Path, written: str) -> None:
    line = f"order_quote_max = {written}\ncollar_bps_max = 50"
    _, portfolio, _ = load_settings(changed(tmp_path, "collar_bps_max = 50", line)).portfolio(
        "core"
    )
    most = portfolio.risk_limits().order_quote_max
    assert most == Decimal(1_000 if written == "0x3e8" else "1000.1")


@pytest.mark.parametrize("written", ["0", "-1", '"inf"', "nan", '"1e30"', '"much"'])
def test_a_cap_that_is_no_amount_is_refused_by_its_name(tmp_path: Path, written: str) -> None:
    line = f"turnover_quote_day_max = {written}\ncollar_bps_max = 50"
    said = refusal(changed(tmp_path, "collar_bps_max = 50", line))
    assert "portfolios.core.limits.turnover_quote_day_max" in said


def test_a_cap_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIMTAB_PORTFOLIOS__CORE__LIMITS__OPEN_ORDERS_MAX", "3")
    limits = load_settings(EXAMPLE).portfolios["core"].risk_limits()
    assert (limits.open_orders_max, limits.collar_bps_max) == (3, 50)


def test_orders_are_sent_without_approval_unless_it_is_asked_for(tmp_path: Path) -> None:
    assert load_settings(EXAMPLE).portfolios["core"].approval == "auto"
    said = refusal(changed(tmp_path, '# approval = "manual"', 'approval = "yes"'))
    assert "portfolios.core.approval" in said
