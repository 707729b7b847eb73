"""`trimtab plan`: what a cycle would do now. It reads the venue; it sends and writes nothing."""

from dataclasses import dataclass

from rebalancer.drift import Drift, is_within_band
from rebalancer.errors import StoreUnavailable
from rebalancer.halting import read_stop
from rebalancer.orders import PortfolioName, VenueName
from rebalancer.plan import Plan
from rebalancer.ports import OrderQueue, TradingControls
from resources.settings import Settings
from resources.system_clock import SystemClock
from services.cli.demo_report import show_weights, weights_json
from services.cli.looking import Look, UnderWay, plan_for
from services.cli.order_words import planned_json, show_planned, show_skips, skip_json
from services.cli.running_queue import TapAsFarAsKnown, redis_if_running
from services.cli.terminal import heading, note, out, print_json, progress
from services.cli.world import chosen_settings, load_with_paper_keys

UNKNOWN = "Live orders, whose symbols a cycle would skip, and halts are unknown because "
NO_QUEUE = "no queue is running."


@dataclass(frozen=True, slots=True)
class Planned:
    """One portfolio's plan."""

    portfolio: str
    drifts: tuple[Drift, ...]
    plan: Plan
    under_way: UnderWay
    drift_bps_min: int

    @property
    def look(self) -> Look:
        return Look(self.drifts, is_within_band(self.drifts, drift_bps_min=self.drift_bps_min))


def show_plan(portfolio: str | None, *, as_json: bool) -> None:
    """Plan every portfolio, or the one named."""
    with chosen_settings() as config_file:
        settings = load_with_paper_keys(config_file)
        if portfolio is not None:
            settings.portfolio(portfolio)
        names = sorted(settings.portfolios) if portfolio is None else [portfolio]
        planned = [_plan(settings, name) for name in names]
    if as_json:
        print_json([_json(one) for one in planned])
        return
    for one in planned:
        _show(one)


def _plan(settings: Settings, name: str) -> Planned:
    with progress(f"looking at {name}"), redis_if_running(settings) as opened:
        under_way = _under_way(settings, PortfolioName(name), opened)
        tap = TapAsFarAsKnown(opened and opened[0])
        drifts, plan = plan_for(settings, name, under_way, tap)
    return Planned(name, drifts, plan, under_way, settings.portfolios[name].drift_bps_min)


def _under_way(
    settings: Settings,
    portfolio: PortfolioName,
    opened: tuple[OrderQueue, TradingControls] | None,
) -> UnderWay:
    venue, now_ms = VenueName(settings.portfolios[portfolio].venue), SystemClock().now_ms()
    if opened is None:
        return UnderWay(unknown_because=NO_QUEUE)
    queue, controls = opened
    try:
        return UnderWay(
            live=queue.live_orders(portfolio),
            turnover_quote_today=queue.turnover_quote(portfolio),
            stop=read_stop(controls, venue, portfolio, now_ms=now_ms),
        )
    except StoreUnavailable as error:
        return UnderWay(unknown_because=str(error))


def _json(planned: Planned) -> dict[str, object]:
    return {
        "portfolio": planned.portfolio,
        "within_band": planned.look.within_band,
        "weights": weights_json(planned.look),
        "targets": {drift.asset: drift.target_bps for drift in planned.look.by_target()},
        "orders": [planned_json(order) for order in planned.plan.orders],
        "skipped": [skip_json(skip) for skip in planned.plan.skipped],
        "live_orders_known": planned.under_way.unknown_because is None,
        "live_orders_unknown_because": planned.under_way.unknown_because,
        "live_orders": [planned_json(order) for order in planned.under_way.live],
    }


def _show(planned: Planned) -> None:
    heading(f"{planned.portfolio}: weights")
    show_weights(planned.look, planned.drift_bps_min)
    if planned.plan.orders:
        heading(f"{planned.portfolio}: would be sent")
        show_planned(planned.plan.orders)
    if planned.plan.skipped:
        heading(f"{planned.portfolio}: would be left alone")
        show_skips(planned.plan.skipped)
    out().print()
    if not planned.plan.orders:
        out().print(f"{planned.portfolio}: nothing to send.")
    if planned.under_way.unknown_because is not None:
        note(UNKNOWN + planned.under_way.unknown_because)
    out().print("This is a plan: nothing was sent and nothing was written.")
