"""Puts the code location together. Assembly only; every part is defined elsewhere."""

from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from assets.market import build_market_precision, build_sanitized_tickers
from assets.portfolio import build_balances, build_drift_signals, build_rebalance_orders
from pipelines.execution import fills
from pipelines.jobs import drain_orders, rebalance, sync_precision
from pipelines.schedules import order_history_daily, precision_daily, rebalance_every_minute
from pipelines.upkeep import extend_order_history
from resources.dagster_resources import (
    AlarmResource,
    ClockResource,
    SettingsResource,
    StoresResource,
    VenuesResource,
)
from resources.settings import Settings
from sensors.failure_sensor import failure_sensor
from sensors.latency_sensor import latency_sensor


def build_definitions(
    settings: Settings,
    *,
    config_file: Path | None,
    resources: Mapping[str, object] | None = None,
) -> dg.Definitions:
    """Assemble the location, replacing any resource by name.

    Args:
        settings: Names the venues and portfolios, which are partitions.
        config_file: Where resources read the settings again in a run; None looks for it.
        resources: Replacements by key. Tests pass fakes here and nowhere else.
    """
    told = str(config_file) if config_file else None
    portfolios = dg.StaticPartitionsDefinition(sorted(settings.portfolios))
    wired: dict[str, object] = {
        "settings": SettingsResource(config_file=told),
        "clock": ClockResource(),
        "stores": StoresResource(config_file=told),
        "venues": VenuesResource(config_file=told),
        "alarm": AlarmResource(config_file=told),
        # Steps share a process, so what they hand on needs no file.
        "io_manager": dg.mem_io_manager,
    }
    return dg.Definitions(
        assets=[
            build_market_precision(settings.venue_names()),
            build_sanitized_tickers(portfolios),
            build_balances(portfolios),
            build_drift_signals(portfolios),
            build_rebalance_orders(portfolios),
            fills,
        ],
        jobs=[sync_precision, rebalance, drain_orders, extend_order_history],
        schedules=[precision_daily, rebalance_every_minute, order_history_daily],
        sensors=[latency_sensor, failure_sensor],
        resources={**wired, **(resources or {})},
        executor=dg.in_process_executor,
    )
