"""Whatever stands in the file, the environment or the secrets folder: settings, or one BadConfig.

The law: what is accepted is what was written, down to the digit, and can be used; what is refused
is told by its key, and what may be a secret is never told. No other exception, ever.
"""

import json
import os
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rebalancer.errors import BadConfig
from resources.settings import Settings
from resources.settings_file import load_settings
from tests.property.junk import ODD_NUMBERS, texts, values, written

MARK = "mArKeD-sEcReT-7731"
EXAMPLE = (Path(__file__).resolve().parents[2] / "trimtab.example.toml").read_text()
MESSAGE_LENGTH_MAX = 4_000
SECRET_KEYS = ("api_key", "api_secret", "api_passphrase")
# Each a value as TOML writes it.
TOML_VALUES = (
    *("true", "nan", "-inf", "1e999999999999999999999", "0x10", "1_000", "-1", "0", "9" * 30),
    *(
        '""',
        '" 7 "',
        '"１２"',
        '"٣"',
        '"\\u0000"',
        '"true"',
        '"nan"',
        "[]",
        "{}",
        "[1]",
        "2024-01-01",
    ),
    *('"http://["', '"file:///etc/passwd"', "1.5", "150.0", "{x = 1}", '"USDC/"', '"target"'),
)
# Keys that are judged with others, and a file that is no TOML as a whole.
RELATED = ("targets_bps", "peg_symbol", "TOML")
LINES = tuple(
    line for line in EXAMPLE.splitlines() if "=" in line and not line.lstrip().startswith("#")
)
VARIABLES = (
    *("TRIMTAB_HOME", "TRIMTAB_UI_PORT", "TRIMTAB_VENUES", "TRIMTAB_VENUES__PAPER"),
    *("TRIMTAB_VENUES__PAPER__LATENCY_MS_MAX", "TRIMTAB_VENUES__", "TRIMTAB_DRAIN"),
    *("TRIMTAB_VENUES__PAPER__REST_URL", "TRIMTAB_PORTFOLIOS__CORE__TARGETS_BPS"),
    *("TRIMTAB_PORTFOLIOS__CORE__DESTINATION", "TRIMTAB_PORTFOLIOS__CORE__TARGETS_BPS__BTC"),
    *("TRIMTAB_PAPER__SPEED", "TRIMTAB_PAPER__REPLAY", "TRIMTAB_PORTFOLIOS", "TRIMTAB_DRAIN__X"),
)


@contextmanager
def surroundings(names: Mapping[str, str]) -> Iterator[Path]:
    """An environment without our variables but these, and an empty folder."""
    before = dict(os.environ)
    try:
        for name in [name for name in os.environ if name.startswith("TRIMTAB_")]:
            del os.environ[name]
        os.environ.update(names)
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
    finally:
        os.environ.clear()
        os.environ.update(before)


def load(text: str | bytes, **names: str) -> Settings | str:
    """The settings, or what was said against them."""
    with surroundings(names) as folder:
        file = folder / "trimtab.toml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        try:
            return load_settings(file)
        except BadConfig as error:
            refusal = error
    said = str(refusal)
    # What pydantic raised quotes what it was given, and a chain is written down with it.
    assert refusal.__suppress_context__ or refusal.__context__ is None
    assert 0 < len(said) <= MESSAGE_LENGTH_MAX, said[:300]
    assert said.isprintable(), said
    return said


def assert_usable(settings: Settings) -> None:
    """Everything a command makes of settings can be made of these."""
    for name in settings.portfolios:
        _, portfolio, venue = settings.portfolio(name)
        assert portfolio.policy(venue).orders_max > 0
        assert venue.gate().hold_ms > 0
        assert portfolio.targets().weight_bps
        assert portfolio.watched_symbols
        assert portfolio.freshness()
        assert settings.symbols_of(portfolio.venue) == portfolio.symbols
    assert "\0" not in str(settings.home)


def value_at(tree: Any, key: str) -> Any:
    """The first value under a key of this name, anywhere."""
    if isinstance(tree, dict):
        found = [tree[key]] if key in tree else []
        return next(iter([*found, *filter(None, (value_at(v, key) for v in tree.values()))]), None)
    return None


@given(st.sampled_from(LINES), st.sampled_from(TOML_VALUES))
def test_a_changed_line_is_refused_by_its_key_or_read_as_written(line: str, value: str) -> None:
    key = line.partition("=")[0].strip()
    read = load(EXAMPLE.replace(line, f"{key} = {value}", 1))
    if isinstance(read, str):
        assert any(word in read for word in (key, *RELATED)), read
        return
    assert_usable(read)
    meant = tomllib.loads(f"x = {value}")["x"]
    assert not isinstance(meant, bool), (key, value)
    told = value_at(read.model_dump(), key)
    if isinstance(told, int) and isinstance(meant, (int, float)):
        assert told == meant


@given(st.text(max_size=20) | st.sampled_from(LINES), st.text(max_size=12))
def test_a_file_with_a_stray_line_is_read_or_refused(before: str, after: str) -> None:
    read = load(f"{before}\n{EXAMPLE}\n{after}")
    if isinstance(read, Settings):
        assert_usable(read)


@given(st.binary(max_size=30))
@example(b"x = " + b"[" * 5_000)
@example(b"x = " + b"9" * 5_000)
@example(b"x = 1e999999999999999999999")
@example(b"venues = 5")
@example(b'venues = "ab"')
@example(b"venues = [1]")
@example(b"venues.paper = 1\nportfolios = 2")
@example(b"portfolios = []")
def test_any_bytes_at_all_are_refused_in_one_sentence(content: bytes) -> None:
    assert isinstance(load(content), str)


@given(
    st.sampled_from(VARIABLES),
    st.sampled_from(ODD_NUMBERS) | values.map(written) | st.text(max_size=8),
)
@example("TRIMTAB_HOME", "")
@example("TRIMTAB_VENUES__PAPER", "{bad")
@example("TRIMTAB_VENUES", '{"\\ud800": {"exchange": "binance"}}')
@example("TRIMTAB_PORTFOLIOS", '{"\\u0000": false}')
@example("TRIMTAB_VENUES__PAPER__REST_URL", "http://[")
@example("TRIMTAB_PORTFOLIOS__CORE__TARGETS_BPS", "[" * 100_000)
@example("TRIMTAB_PORTFOLIOS__CORE__TARGETS_BPS", '{"BTC": true, "USDC": 9999}')
def test_any_value_of_a_variable_is_used_or_refused(variable: str, value: str) -> None:
    value = value.replace("\0", "").encode(errors="ignore").decode()
    read = load(EXAMPLE, **{variable: value})
    if isinstance(read, Settings):
        assert_usable(read)
        # Somebody may say "." and mean it; nobody means a folder by saying nothing.
        assert variable != "TRIMTAB_HOME" or (value.strip() and read.home == Path(value))
        targets = read.portfolios["core"].targets_bps
        assert sum(targets.values()) == 10_000
        assert 9_999 not in targets.values()


@given(st.sampled_from(["", "venues.paper", "portfolios.core", "drain", "paper"]), texts)
@example("venues.paper", "apikey")
@example("venues.paper", "API_SECRET")
@example("", "sentry")
@example("venues.paper", "api_key")
@example("", "database_url")
def test_the_value_of_a_key_that_is_not_ours_is_never_told(table: str, key: str) -> None:
    name = json.dumps(key, ensure_ascii=True)
    head, line = (f"{EXAMPLE}\n", f'[{table}]\n{name} = "{MARK}"') if table else ("", "")
    if table and f"[{table}]" in EXAMPLE:
        head, line = EXAMPLE.replace(f"[{table}]", f'[{table}]\n{name} = "{MARK}"', 1), ""
    if not table:
        head, line = f'{name} = "{MARK}"\n{EXAMPLE}', ""
    read = load(head + line)
    assert isinstance(read, str)
    assert MARK not in read


@given(st.sampled_from(SECRET_KEYS), st.sampled_from(["{}", '{{"a": {}}}', "[{}]", '"{}"']))
def test_a_secret_of_the_wrong_shape_is_refused_unseen(key: str, shape: str) -> None:
    secret = json.dumps(MARK) if shape != '"{}"' else MARK
    told = shape.replace("{{", "{").replace("}}", "}").replace("{}", secret)
    for names in (
        {"TRIMTAB_VENUES__PAPER": json.dumps({key: told}) + "}"},
        {"TRIMTAB_VENUES": f'{{"paper": {{"{key}": [{json.dumps(told)}]}}}}'},
        {f"TRIMTAB_VENUES__PAPER__{key.upper()}__X": told},
        {f"TRIMTAB_VENUES__PAPER__{key.upper()}S": told},
        {"TRIMTAB_VENUES__PAPER": told},
    ):
        read = load(EXAMPLE, **names)
        assert MARK not in (read if isinstance(read, str) else repr(read)), names


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("venues__paper__api_key", b"\xff\xfe\x00"),
        ("venues__paper__apikey", MARK.encode()),
        ("venues", b"{" + MARK.encode()),
        ("venues__paper", MARK.encode()),
        ("venues__paper__api_key", b"k" * 20_000_000),
        ("venues__paper__latency_ms_max", b"true"),
    ],
)
def test_a_strange_file_in_the_secrets_folder_is_refused_unseen(name: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as secrets:
        (Path(secrets) / name).write_bytes(content)
        read = load(EXAMPLE, TRIMTAB_SECRETS_DIR=secrets)
    assert isinstance(read, str)
    assert MARK not in read
