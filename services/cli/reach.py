"""One quick question to each server before anything heavy starts: a refusal is told at once.

Belongs here: asking. How a refusal is worded is in resources.
"""

import os

from rebalancer.errors import BadConfig, StoreUnavailable
from resources.postgres_connection import SETTING, open_engine, transaction
from resources.wiring import Stores
from services.cli.dagster_home import URL_VARIABLE


def require_servers(stores: Stores) -> None:
    """Ask Redis and Dagster's PostgreSQL; that of the books was asked when it was opened.

    Raises:
        StoreUnavailable: one of them does not answer.
        BadConfig: one of them is not what Trimtab needs.
    """
    stores.queue.depth()
    require_dagster_database()


def require_dagster_database() -> None:
    """Ask the PostgreSQL that keeps Dagster's runs, as the environment names it.

    Raises:
        StoreUnavailable: it does not answer.
        BadConfig: its address is none, or it does not let us in.
    """
    try:
        engine = open_engine(os.environ[URL_VARIABLE])
        try:
            with transaction(engine) as connection:
                connection.exec_driver_sql("SELECT 1")
        finally:
            engine.dispose()
    except (StoreUnavailable, BadConfig) as error:
        # The books' own variable is named otherwise.
        raise type(error)(str(error).replace(SETTING, URL_VARIABLE)) from error
