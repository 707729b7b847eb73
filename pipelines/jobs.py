"""The three jobs. All run in one process: a step of its own costs 2 s and buys nothing here."""

import dagster as dg

PRECISION_JOB = "sync_precision"
REBALANCE_JOB = "rebalance"
DRAIN_JOB = "drain_orders"
PARTITIONS_JOB = "extend_order_history"

_RUN_SECONDS_MAX = 600
_DRAIN_SECONDS_MAX = 2_400
"""Past any session's budget plus hand-over; a run that lives longer is stuck and is ended."""

sync_precision = dg.define_asset_job(
    PRECISION_JOB,
    selection=["market_precision"],
    description="Read every market's rules from a venue, or a past day's from the archive.",
    executor_def=dg.in_process_executor,
    tags={"dagster/max_runtime": str(_RUN_SECONDS_MAX)},
)

rebalance = dg.define_asset_job(
    REBALANCE_JOB,
    selection=["sanitized_tickers", "balances", "drift_signals", "rebalance_orders"],
    description="Look at one portfolio and queue the orders that bring it back into its band.",
    executor_def=dg.in_process_executor,
    tags={"dagster/max_runtime": str(_RUN_SECONDS_MAX)},
)

drain_orders = dg.define_asset_job(
    DRAIN_JOB,
    selection=["fills"],
    description="A live session that takes waiting orders to their venues and books them.",
    executor_def=dg.in_process_executor,
    tags={"dagster/max_runtime": str(_DRAIN_SECONDS_MAX)},
)
