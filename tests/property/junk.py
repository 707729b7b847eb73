"""What the outside may send: JSON of every shape, numbers that are none, text nobody prints."""

import json
from typing import Any

from hypothesis import strategies as st

ODD_NUMBERS: tuple[str, ...] = (
    *("NaN", "nan", "sNaN", "-NaN", "Infinity", "-inf", "1e400", "-1e400", "1e-400", "0e-99"),
    *("1e99999999999999999999", "-1e-99999999999999999999", "9" * 30, "9" * 5_000, "1" + "0" * 24),
    *(
        "１２",
        "٣",
        "1_000",
        "0x1F",
        "1,5",
        "1 2",
        "",
        " ",
        " 1",
        "1\n",
        "\u20071",
        "+1",
        "-1",
        "-0",
    ),
    *("--1", "1e", ".", "1.", ".5", "null", "true", "None", "5\x00", "1.0000000000000000000000001"),
)
ODD_INTS = (0, -1, 1, 2**31, 2**53 + 1, 2**63, 10**15, 10**24, 10**400, -(10**400))
ODD_TEXTS = ("", "\x00", "a\x00b", "\ud800", "\x1f", "\u202e", "../..", "'; --", "%s", "{}", "\\")

texts = st.sampled_from((*ODD_TEXTS, *ODD_NUMBERS)) | st.text(max_size=6)
numbers = st.sampled_from(ODD_INTS) | st.integers(-10, 10) | st.floats()
scalars = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    scalars,
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(texts, parts, max_size=3),
    max_leaves=6,
)
DEEP = "[" * 100_000
"""No parser that calls itself survives this by counting on the depth of its stack."""
NOT_JSON: tuple[str, ...] = ("", "{", "}", DEEP, '{"a":' * 50_000, "9" * 5_000, "NaN", '"', "\x00")


def changed(sound: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A sound table with some fields replaced by anything, left out, or joined by unknown ones."""
    return st.builds(
        lambda junk, gone, more: {
            name: value for name, value in (sound | junk | more).items() if name not in gone
        },
        st.dictionaries(st.sampled_from(sorted(sound)), values, max_size=2),
        st.sets(st.sampled_from(sorted(sound)), max_size=1),
        st.dictionaries(st.sampled_from(["x", "y", "Price", "info2"]), values, max_size=1),
    )


def written(value: Any) -> str:
    """JSON as a careless server writes it: bare NaN and Infinity, and halves of surrogates."""
    return json.dumps(value)
