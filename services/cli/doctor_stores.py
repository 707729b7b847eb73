"""What `trimtab doctor` asks of PostgreSQL and Redis, and of the market rules on the books."""

from datetime import date

from rebalancer.errors import RebalancerError
from rebalancer.orders import VenueName
from resources.postgres_archive import PostgresArchive
from resources.postgres_connection import open_engine, place_of
from resources.postgres_schema import has_no_tables, is_newest
from resources.redis_connection import open_redis
from resources.redis_connection import place_of as redis_place
from resources.redis_durability import redis_durability
from resources.settings import Settings
from resources.system_clock import SystemClock, utc_day
from services.cli.findings import Finding, fail_on, warn, well

_EMBEDDED = "embedded, "


def examine_postgresql(url: str, *, is_embedded: bool) -> tuple[Finding, ...]:
    """Does it answer, and are its tables those of this version?"""
    try:
        engine = open_engine(url)
    except RebalancerError as error:
        return (fail_on("PostgreSQL", "answers", error),)
    try:
        newest, is_empty = is_newest(engine), has_no_tables(engine)
    except RebalancerError as error:
        return (fail_on("PostgreSQL", "answers", error),)
    finally:
        engine.dispose()
    where = f"{_EMBEDDED if is_embedded else ''}{place_of(engine.url)}"
    answers = well("PostgreSQL", "answers", where)
    if newest:
        return answers, well("PostgreSQL", "tables", "those of this version")
    if is_empty:
        return answers, well(
            "PostgreSQL", "tables", "none yet: the first command that trades or reports makes them"
        )
    return answers, warn(
        "PostgreSQL",
        "tables",
        "not those of this version: the next command that trades or reports brings them up to "
        "date, or refuses where a newer Trimtab has been here",
    )


def examine_redis(url: str, *, is_embedded: bool) -> tuple[Finding, ...]:
    """Does it answer, and would it remember what was sent?"""
    try:
        client = open_redis(url)
    except RebalancerError as error:
        return (fail_on("Redis", "answers", error),)
    try:
        faults = redis_durability(client)
        where = f"{_EMBEDDED if is_embedded else ''}{redis_place(client)}"
    except RebalancerError as error:
        return (fail_on("Redis", "answers", error),)
    finally:
        client.close()
    kept = [warn("Redis", "remembers", fault) for fault in faults]
    return (
        well("Redis", "answers", where),
        *(kept or [well("Redis", "remembers", "every mark that an order was sent")]),
    )


def examine_rules(settings: Settings, database_url: str) -> tuple[Finding, ...]:
    """Are today's market rules on the books for every symbol that is traded?"""
    try:
        engine = open_engine(database_url)
    except RebalancerError:
        return ()  # PostgreSQL's own line says it.
    try:
        if not is_newest(engine):
            return ()  # Said already, and there is nothing to read.
        archive = PostgresArchive(engine)
        today = utc_day(SystemClock().now_ms())
        return tuple(_rules_of(settings, archive, name, today) for name in settings.venues)
    except RebalancerError:
        return ()
    finally:
        engine.dispose()


def _rules_of(settings: Settings, archive: PostgresArchive, name: str, today: date) -> Finding:
    venue = VenueName(name)
    wanted = settings.symbols_of(name)
    known = {row.rule.symbol for row in archive.read_precision_day(venue, today)}
    missing = ", ".join(str(symbol) for symbol in wanted if symbol not in known)
    if missing:
        return warn(
            f"venue {name}",
            "market rules",
            f"none of today for {missing}: trimtab rebalance and trimtab up read them",
        )
    return well(f"venue {name}", "market rules", f"today's, for {len(wanted)} markets")
