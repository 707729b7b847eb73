"""The upkeep of the database, as a job."""

import dagster as dg
from sqlalchemy import Engine, text

from resources.settings import Settings
from resources.wiring import Stores
from tests.assets.location import make_location, make_venue
from tests.fakes.clock import FakeClock


def test_the_partitions_of_the_coming_months_are_made_once(
    instance: dg.DagsterInstance, settings: Settings, stores: Stores, books: Engine
) -> None:
    location = make_location(instance, settings, make_venue(), stores=stores, clock=FakeClock())
    assert location.run("extend_order_history").success
    assert location.run("extend_order_history").success
    with books.connect() as connection:
        for month in ("2023_11", "2023_12", "2024_01", "2024_02"):
            name = {"name": f"order_history_{month}"}
            assert connection.scalar(text("SELECT to_regclass(:name) IS NOT NULL"), name), month
