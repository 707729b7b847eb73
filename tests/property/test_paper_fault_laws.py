"""The laws that hold on the paper exchange whatever faults are set."""

import json
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from hypothesis import given, settings
from hypothesis import strategies as st

from rebalancer.money import exact
from services.paper_exchange.auth import sign
from services.paper_exchange.calls import Call, Reply
from services.paper_exchange.exchange import USER, Exchange
from services.paper_exchange.fault_acts import set_fault
from services.paper_exchange.fault_kinds import KINDS, Place
from services.paper_exchange.fault_reading import read_fault
from services.paper_exchange.faults import FaultPanel
from services.paper_exchange.options import PaperOptions
from services.paper_exchange.orders import Order
from services.paper_exchange.routes import answer

MARKET = "SOLUSDC"
START_MS = 1_700_000_000_000
LONG_MS = 10**9


@dataclass(frozen=True)
class Wish:
    """An order somebody sends; few client ids, so that some come twice."""

    side: str
    type: str
    tif: str
    price_ticks: int
    amount_steps: int
    client_id: int

    def params(self) -> dict[str, str]:
        params = {"symbol": MARKET, "side": self.side, "type": self.type}
        params |= {"quantity": f"{Decimal(self.amount_steps) / 100}"}
        params |= {"newClientOrderId": f"id-{self.client_id}"}
        if self.type == "LIMIT":
            price = 148 + Decimal(self.price_ticks) / 100
            params |= {"timeInForce": self.tif, "price": f"{price}"}
        return params


orders = st.builds(
    Wish,
    side=st.sampled_from(["BUY", "SELL"]),
    type=st.sampled_from(["LIMIT", "LIMIT", "MARKET"]),
    tif=st.sampled_from(["GTC", "IOC", "FOK"]),
    price_ticks=st.integers(-60, 60),
    amount_steps=st.integers(4, 12_000),
    client_id=st.integers(0, 6),
)
lates_ms = st.integers(1, 2_000)
shares = st.sampled_from(["0", "0.1", "0.333", "0.5", "0.99", "1"])
amounts = st.integers(-5_000, 5_000).map(lambda hundredths: f"{Decimal(hundredths) / 100}")
counts = st.sampled_from([1, None])
bending = st.one_of(
    st.fixed_dictionaries({"kind": st.just("late_fill"), "late_ms": lates_ms, "count": counts}),
    st.fixed_dictionaries(
        {
            "kind": st.just("fill_after_cancel"),
            "late_ms": lates_ms,
            "share": shares,
            "count": counts,
            "match": st.sampled_from([None, {"method": "DELETE"}]),
        }
    ),
    st.fixed_dictionaries({"kind": st.just("partial_fill"), "share": shares, "count": counts}),
)
others = st.one_of(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["duplicate_fill", "stale_balances", "stale_quotes"]),
            "for_ms": lates_ms,
        }
    ),
    st.just({"kind": "maintenance", "count": 1, "match": {"method": "POST"}}),
    st.fixed_dictionaries({"kind": st.just("clock_skew"), "skew_ms": st.integers(-10_000, 10_000)}),
    st.fixed_dictionaries(
        {
            "kind": st.just("rules_changed"),
            "symbol": st.just(MARKET),
            "step_size": st.sampled_from(["0.01", "0.1", "1"]),
            "tick_size": st.sampled_from(["0.01", "0.05", "0.5"]),
        }
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("foreign_order"),
            "symbol": st.just(MARKET),
            "side": st.sampled_from(["BUY", "SELL"]),
            "quantity": st.sampled_from(["0.5", "7", "40"]),
            "price": st.sampled_from(["147", "148", "149.5"]),
            "tif": st.sampled_from(["GTC", "IOC", "FOK"]),
        }
    ),
    st.fixed_dictionaries(
        {"kind": st.just("deposit"), "asset": st.sampled_from(["SOL", "USDC"]), "amount": amounts}
    ),
)
cancels = st.builds(lambda index: ("cancel", index), st.integers(0, 6))
moves = st.builds(lambda bps: ("move", bps), st.integers(-80, 80))
waits = st.builds(lambda wait_ms: ("wait", wait_ms), st.integers(1, 3_000))
# Drawn first by kind: `one_of` alone would count every kind of fault as much as all orders.
steps = st.lists(
    st.sampled_from(
        [orders, orders, orders, orders, bending, bending, others, cancels, cancels, moves, waits]
    ).flatmap(lambda chosen: chosen),
    min_size=10,
    max_size=40,
)


class World:
    """An exchange whose clock we hold, and what it was given from outside."""

    def __init__(self, journal: Path) -> None:
        self.now_ms = START_MS
        options = PaperOptions(
            tick_ms=0,
            journal=journal,
            orders_per_10s_max=10**6,
            weight_per_minute_max=10**6,
            balances={"SOL": Decimal(300), "USDC": Decimal(60_000)},
        )
        self.options = options
        self.exchange = Exchange(options, clock=lambda: self.now_ms)
        self.totals = self.exchange.ledger.totals()

    def take(self, step: Any) -> None:
        match step:
            case Wish():
                self.ask("POST", "order", step.params())
            case ("cancel", int(index)):
                name = {"symbol": MARKET, "origClientOrderId": f"id-{index}"}
                self.ask("DELETE", "order", name)
            case ("move", int(bps)):
                self.exchange.shift_price(MARKET, Decimal(bps))
            case ("wait", int(wait_ms)):
                self.now_ms += wait_ms
            case dict():
                self.set_fault(step)

    def set_fault(self, fault: dict[str, Any]) -> None:
        try:
            set_fault(self.exchange, fault, self.now_ms)
        except ValueError:
            return  # More than is free, a filter: refused, and nothing changed.
        if fault["kind"] == "deposit":
            self.totals[fault["asset"]] += Decimal(fault["amount"])

    def ask(self, method: str, path: str, params: dict[str, str]) -> Reply:
        panel = self.exchange.faults
        shown_ms = self.now_ms + panel.skew_ms(self.now_ms)
        query = urlencode({**params, "timestamp": shown_ms})
        call = Call(
            method,
            f"/api/v3/{path}",
            dict(parse_qsl(query)) | {"signature": sign(query, self.options.api_secret)},
            query,
            self.options.api_key,
            self.now_ms,
            self.now_ms,
            shown_ms - self.now_ms,
        )
        return answer(self.exchange, call)

    def open_orders(self) -> list[Order]:
        return self.exchange.engine.archive.open_orders(USER, MARKET)

    def orders(self) -> list[Order]:
        return list(self.exchange.engine.archive.orders(USER, MARKET))

    def check(self) -> None:
        ledger = self.exchange.ledger
        with exact():
            assert ledger.totals() == self.totals
            held: dict[str, Decimal] = defaultdict(Decimal)
            for order in self.open_orders():
                asset, amount = order.locked
                held[asset] += amount
        for owner in ledger.owners():
            for asset in ledger.assets(owner):
                assert ledger.free(owner, asset) >= 0
        for asset in ledger.assets(USER):
            assert ledger.locked(USER, asset) == held.get(asset, 0)
        reply = self.ask("GET", "openOrders", {"symbol": MARKET})
        if reply.status == 200:
            names = Counter(order["clientOrderId"] for order in reply.body)
            assert not names or max(names.values()) == 1, names


@given(steps)
@settings(max_examples=60, deadline=None)
def test_assets_are_conserved_and_a_client_id_is_open_at_most_once(taken: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder) / "journal.jsonl")
        for step in taken:
            world.take(step)
            world.check()
        world.exchange.journal.close()


@given(steps)
@settings(max_examples=60, deadline=None)
def test_the_journal_alone_tells_every_trade_and_every_end_once(taken: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder) / "journal.jsonl")
        for step in taken:
            world.take(step)
        world.exchange.journal.close()
        text = (Path(folder) / "journal.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    traded: dict[int, Decimal] = defaultdict(Decimal)
    for line in lines:
        if line.get("event") == "trade":
            traded[line["order_id"]] += Decimal(line["qty"])
    ends = [line for line in lines if line.get("event") == "end"]
    told = {line["order_id"]: (line["status"], Decimal(line["executed_qty"])) for line in ends}
    assert len(told) == len(ends)
    closed = [order for order in world.orders() if not order.is_open]
    assert told == {o.order_id: (o.status.value, o.executed_base) for o in closed}
    assert dict(traded) == {o.order_id: o.executed_base for o in world.orders() if o.fills}
    sent = {line["order_id"] for line in lines if line["method"] == "POST" and line["acted"]}
    foreign = {line["order_id"] for line in lines if line.get("foreign")}
    assert sent | foreign == {order.order_id for order in world.orders()}
    assert not sent & foreign


@given(steps)
@settings(max_examples=40, deadline=None)
def test_once_the_faults_stop_everything_shows_as_it_is(taken: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder) / "journal.jsonl")
        for step in taken:
            world.take(step)
        world.exchange.faults.clear()
        world.now_ms += LONG_MS
        shown = world.ask("GET", "allOrders", {"symbol": MARKET}).body
        world.exchange.journal.close()
    assert {(o["orderId"], o["status"], Decimal(o["executedQty"])) for o in shown} == {
        (order.order_id, order.status.value, order.executed_base) for order in world.orders()
    }


@given(st.integers(0, 2**32), st.decimals("0", "1", places=3), st.integers(1, 60))
def test_a_seed_names_which_requests_a_fault_meets(
    seed: int, probability: Decimal, requests: int
) -> None:
    def draw() -> list[bool]:
        panel = FaultPanel()
        fault = {"kind": "close_before", "probability": f"{probability}", "seed": seed}
        panel.add(read_fault({**fault, "count": None}, [MARKET]), 0)
        call = Call("POST", "/api/v3/order", {}, "", None, 0, 0)
        takes = (panel.take(Place.TRANSPORT, call, 0) for _ in range(requests))
        return [taken is not None for taken in takes]

    first = draw()
    assert first == draw()
    if probability in (0, 1):
        assert set(first) == {probability == 1}


def test_every_kind_has_a_place() -> None:
    assert {kind.place for kind in KINDS.values()} == set(Place)
