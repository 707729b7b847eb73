"""What the market is and allows: market rules by day, and quotes fit to trade on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg

from assets.charts import columns, table_md
from assets.checks import (
    OWNERS,
    blocking_check,
    cycle_id_of,
    fetch,
    rows_verdict,
)
from assets.schemas import RULES, TICKERS, screen
from rebalancer.faults import Rejected
from rebalancer.money import Symbol
from rebalancer.orders import VenueName
from rebalancer.ports import Clock
from rebalancer.precision import MarketRule, read_rule
from rebalancer.quotes import Quote, read_ticker
from rebalancer.venue_tap import VenueTap
from resources.settings import Settings
from resources.system_clock import utc_day
from resources.wiring import Stores, Venues

FIRST_DAY = "2024-01-01"
RULES_CHECK = "rules_are_sound"
TICKERS_CHECK = "tickers_are_sound"

_RULE_COLUMNS = columns(
    {
        "venue": ("text", "Name of the venue in the settings"),
        "symbol": ("text", "Market, as BASE/QUOTE"),
        "day": ("date", "UTC day of the observation"),
        "amount_base_step": ("numeric", "Amounts are multiples of this (base units)"),
        "amount_base_min": ("numeric", "Least amount (base units)"),
        "amount_base_max": ("numeric", "Largest amount, or null where the venue states none"),
        "price_quote_step": ("numeric", "Prices are multiples of this (quote per base)"),
        "notional_quote_min": ("numeric", "Least order value (quote units)"),
        "rules_version": ("text", "Names the rules by content"),
        "payload": ("jsonb", "What the venue sent, word for word"),
    }
)
_QUOTE_COLUMNS = columns(
    {
        "cycle_id": ("text", "The rebalance cycle that read it"),
        "symbol": ("text", "Market, as BASE/QUOTE"),
        "bid_quote": ("numeric", "Best bid (quote per base)"),
        "ask_quote": ("numeric", "Best ask (quote per base)"),
        "last_quote": ("numeric", "Last trade (quote per base)"),
        "observed_at": ("timestamptz", "When it was asked for, by our clock"),
    }
)


def build_market_precision(venue_names: Sequence[VenueName]) -> dg.AssetsDefinition:
    """The asset of market rules, one partition per day and venue."""
    partitions = dg.MultiPartitionsDefinition(
        {
            "day": dg.DailyPartitionsDefinition(start_date=FIRST_DAY, end_offset=1),
            "venue": dg.StaticPartitionsDefinition(sorted(venue_names)),
        }
    )

    @dg.asset(
        group_name="market",
        owners=OWNERS,
        kinds={"ccxt", "postgres"},
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        output_required=False,
        check_specs=[
            blocking_check(RULES_CHECK, "market_precision", "Steps and minima are finite numbers")
        ],
        metadata={"dagster/column_schema": _RULE_COLUMNS},
    )
    def market_precision(
        context: dg.AssetExecutionContext,
        settings: dg.ResourceParam[Settings],
        venues: dg.ResourceParam[Venues],
        stores: dg.ResourceParam[Stores],
        clock: dg.ResourceParam[Clock],
    ) -> Iterator[Any]:
        """Each market's steps and minima, by day, with the payload the venue sent.

        Today is read from the venue. A past day is read from the archive only: today's rules are
        never written under it, and a day nobody observed stays unmaterialized and says so.
        """
        now_ms = clock.now_ms()
        today = utc_day(now_ms).isoformat()
        partitions_by_day = [key.split("|") for key in context.partition_keys]
        seen = [
            _observe_rules(venues, stores.queue, VenueName(venue), settings.symbols_of(venue))
            for day, venue in partitions_by_day
            if day == today
        ]
        # One verdict for all that was read, before any of it is written.
        rejected = [row for rules in seen for row in rules.rejected]
        yield rows_verdict(RULES_CHECK, rejected, sound=sum(len(rules.sound) for rules in seen))
        for rules in seen:
            _keep_rules(context, stores, rules, now_ms=now_ms)
        for day, venue in partitions_by_day:
            if day != today:
                _recall_rules(context, stores, VenueName(venue), date.fromisoformat(day))

    return market_precision


@dataclass(frozen=True, slots=True)
class _ObservedRules:
    """What one venue said of its markets just now."""

    venue: VenueName
    symbols: Sequence[Symbol]
    sound: Sequence[tuple[MarketRule, str]]
    rejected: Sequence[Rejected]


def _observe_rules(
    venues: Venues, tap: VenueTap, venue: VenueName, symbols: Sequence[Symbol]
) -> _ObservedRules:
    raw = fetch(venues, venue, tap, lambda client: client.fetch_rules(symbols))
    kept, rejected = screen(RULES, raw, wanted=[str(symbol) for symbol in symbols])
    sound = [(_sound_rule(raw[i]), raw[i].payload) for i in sorted(kept)]
    return _ObservedRules(venue, symbols, sound, rejected)


def _keep_rules(
    context: dg.AssetExecutionContext, stores: Stores, seen: _ObservedRules, *, now_ms: int
) -> None:
    day = utc_day(now_ms)
    partition = f"{day}|{seen.venue}"
    archive = stores.archive
    archive.record_quarantine(RULES.name, partition, seen.venue, seen.rejected, at_ms=now_ms)
    before = archive.read_rules(seen.venue, seen.symbols, on_or_before=day)
    archive.record_rules(seen.venue, day, seen.sound)
    rules = [rule for rule, _ in seen.sound]
    if not rules:
        return  # The red check says why; a day without a rule stays unmaterialized.
    changed = [r for r in rules if r.symbol in before and before[r.symbol].version != r.version]
    _tell_known(context, partition, rules, source="venue", changed=len(changed))


def _recall_rules(
    context: dg.AssetExecutionContext, stores: Stores, venue: VenueName, day: date
) -> None:
    partition = f"{day}|{venue}"
    archived = [row.rule for row in stores.archive.read_precision_day(venue, day)]
    if archived:
        _tell_known(context, partition, archived, source="archive", changed=0)
        return
    note = f"nobody observed {venue} on {day}; its rules that day are unknown"
    context.log_event(
        dg.AssetObservation(
            asset_key=context.asset_key,
            partition=partition,
            metadata={"observed": False, "note": note},
        )
    )
    context.log.warning(note)


def _tell_known(
    context: dg.AssetExecutionContext,
    partition: str,
    rules: Sequence[MarketRule],
    *,
    source: str,
    changed: int,
) -> None:
    context.log_event(
        dg.AssetMaterialization(
            asset_key=context.asset_key,
            partition=partition,
            metadata={
                "observed": True,
                "source": source,
                "markets": len({rule.symbol for rule in rules}),
                "changed_since_last": changed,
                "rules": _rules_md(rules),
            },
        )
    )


def build_sanitized_tickers(portfolios: dg.StaticPartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of quotes fit to trade on, one partition per portfolio."""

    @dg.asset(
        group_name="market",
        owners=OWNERS,
        kinds={"ccxt", "postgres"},
        partitions_def=portfolios,
        check_specs=[
            blocking_check(
                TICKERS_CHECK,
                "sanitized_tickers",
                "No NaN, Infinity, non-positive price, crossed book, missing or duplicate symbol",
            )
        ],
        metadata={"dagster/column_schema": _QUOTE_COLUMNS},
    )
    def sanitized_tickers(
        context: dg.AssetExecutionContext,
        settings: dg.ResourceParam[Settings],
        venues: dg.ResourceParam[Venues],
        stores: dg.ResourceParam[Stores],
        clock: dg.ResourceParam[Clock],
    ) -> Iterator[Any]:
        """Quotes of the portfolio's symbols that passed every check; the others are quarantined."""
        _, portfolio, _ = settings.portfolio(context.partition_key)
        venue, cycle_id = VenueName(portfolio.venue), cycle_id_of(context)
        symbols = portfolio.watched_symbols
        raw = fetch(venues, venue, stores.queue, lambda client: client.fetch_tickers(symbols))
        kept, rejected = screen(TICKERS, raw, wanted=[str(symbol) for symbol in symbols])
        quotes = [quote for i in sorted(kept) if (quote := _sound_quote(raw[i]))]
        yield rows_verdict(TICKERS_CHECK, rejected, sound=len(kept))
        stores.archive.record_quarantine(
            TICKERS.name, cycle_id, venue, rejected, at_ms=clock.now_ms()
        )
        stores.archive.record_quotes(cycle_id, venue, quotes)
        yield dg.MaterializeResult(
            metadata={
                "cycle_id": cycle_id,
                "quotes": len(quotes),
                "quarantined": len(rejected),
                "prices": table_md(
                    ("symbol", "bid", "ask", "last"),
                    [(q.symbol, q.bid_quote, q.ask_quote, q.last_quote) for q in quotes],
                ),
            }
        )

    return sanitized_tickers


def _sound_rule(raw: Any) -> MarketRule:
    rule = read_rule(raw)
    assert isinstance(rule, MarketRule), rule  # The table check applies the same law.
    return rule


def _sound_quote(raw: Any) -> Quote:
    quote = read_ticker(raw)
    assert isinstance(quote, Quote), quote  # The table check applies the same law.
    return quote


def _rules_md(rules: Sequence[MarketRule]) -> dg.MarkdownMetadataValue:
    return table_md(
        ("symbol", "amount step", "least amount", "price step", "least value", "version"),
        [
            (
                rule.symbol,
                rule.amount_base_step,
                rule.amount_base_min,
                rule.price_quote_step,
                rule.notional_quote_min,
                rule.version,
            )
            for rule in rules
        ],
    )
