"""JSON from outside: a value, or a ValueError that says what is wrong.

Belongs here: the one place that parses what a stranger wrote.
Does not belong here: what the value should be; each reader says that of its own.
"""

import json
from typing import Any


def read_json(text: str | bytes) -> Any:
    """The value that `text` is.

    Raises:
        ValueError: It is no JSON, or so deeply nested that nobody meant it.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("expected JSON of some depth, was nested without end") from None
