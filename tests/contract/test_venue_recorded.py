"""Real market rules, as recorded from Binance over three years, are read whole."""

import gzip
from pathlib import Path

import pytest

from rebalancer.money import parse_symbol
from rebalancer.precision import sanitize_rules
from resources.ccxt_client import load_json
from tests.contract.binance_scene import INFO, scene
from tests.contract.raw_server import Reply

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "data" / "exchange_info"
DUMPS = sorted(RECORDED.glob("*.json.gz"))


@pytest.mark.skipif(not DUMPS, reason="needs the recorded exchangeInfo dumps beside the repository")
@pytest.mark.parametrize("place", [0, -1], ids=["oldest", "newest"])
async def test_every_recorded_market_has_rules_that_can_be_traded_by(place: int) -> None:
    body = gzip.decompress(DUMPS[place].read_bytes()).decode()
    pairs = [
        parse_symbol(f"{row['baseAsset']}/{row['quoteAsset']}")
        for row in load_json(body)["symbols"]
        if row["status"] == "TRADING"
    ]
    async with scene({INFO: [Reply(body)]}, timeout_ms=20_000) as (venue, _):
        raw = await venue.fetch_rules(pairs)
    rules, rejected = sanitize_rules(raw, [rule.symbol for rule in raw])
    assert not rejected
    assert len(rules) > 0.9 * len(pairs)
    assert len({rule.version for rule in rules.values()}) == len(rules)
