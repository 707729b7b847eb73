"""`trimtab plan`: what a cycle would do now. It reads the venue; it sends and writes nothing."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rebalancer.drift import Drift, is_within_band
from rebalancer.errors import StoreUnavailable
from rebalancer.orders import Order, PortfolioName
from rebalancer.plan import Plan
from rebalancer.ports import OrderQueue
from resources.embedded import running_servers
from resources.embedded_process import is_served
from resources.settings import Settings
from resources.wiring import open_queue
from services.cli.demo_report import show_weights, weights_json
from services.cli.looking import Look, plan_for
from services.cli.order_words import planned_json, show_planned, show_skips, skip_json
from services.cli.terminal import heading, note, out, print_json, progress
from services.cli.world import chosen_settings, load_with_paper_keys

UNKNOWN = "Live orders, whose symbols a cycle would skip, are unknown because "
NO_QUEUE = "no queue is running."


@dataclass(frozen=True, slots=True)
class Planned:
    """One portfolio's plan."""

    portfolio: str
    drifts: tuple[Drift, ...]
    plan: Plan
    live: Collection[Order]
    unknown_because: str | None
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
    with progress(f"looking at {name}"):
        live, unknown_because = _live_orders(settings, PortfolioName(name))
        drifts, plan = plan_for(settings, name, live)
    return Planned(
        name, drifts, plan, live, unknown_because, settings.portfolios[name].drift_bps_min
    )


def _live_orders(
    settings: Settings, portfolio: PortfolioName
) -> tuple[Sequence[Order], str | None]:
    """Orders under way; and why they are unknown, when nobody can tell."""
    with _queue_if_running(settings) as queue:
        if queue is None:
            return (), NO_QUEUE
        try:
            return queue.live_orders(portfolio), None
        except StoreUnavailable as error:
            return (), str(error)


@contextmanager
def _queue_if_running(settings: Settings) -> Iterator[OrderQueue | None]:
    home = settings.home.expanduser().absolute()
    if settings.redis_url is not None:
        with open_queue(settings, settings.redis_url.get_secret_value()) as queue:
            yield queue
    elif (home / "redis").is_dir() and is_served(home / "redis"):
        with running_servers(home) as urls, open_queue(settings, urls.redis_url) as queue:
            yield queue
    else:
        yield None


def _json(planned: Planned) -> dict[str, object]:
    return {
        "portfolio": planned.portfolio,
        "within_band": planned.look.within_band,
        "weights": weights_json(planned.look),
        "targets": {drift.asset: drift.target_bps for drift in planned.look.by_target()},
        "orders": [planned_json(order) for order in planned.plan.orders],
        "skipped": [skip_json(skip) for skip in planned.plan.skipped],
        "live_orders_known": planned.unknown_because is None,
        "live_orders_unknown_because": planned.unknown_because,
        "live_orders": [planned_json(order) for order in planned.live],
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
    if planned.unknown_because is not None:
        note(UNKNOWN + planned.unknown_because)
    out().print("This is a plan: nothing was sent and nothing was written.")
