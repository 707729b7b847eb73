"""Would the venue take this order? Its filters, in its order, with its words.

Belongs here: every rule of a market that an order can break.
Does not belong here: balances (`engine`) and the shape of parameters (`order_params`).
"""

from decimal import Decimal

from rebalancer.money import divide_down
from services.paper_exchange.markets import Market
from services.paper_exchange.orders import NewOrder, OrderType, Side
from services.paper_exchange.refusals import Refusal, filter_failure, market_closed


def judge(asked: NewOrder, *, last_price: Decimal, open_orders: int) -> None:
    """Refuse an order that breaks its market's rules.

    Args:
        asked: The order, its numbers already parsed.
        last_price: The market's last price, in quote.
        open_orders: How many orders its owner has open in this market.

    Raises:
        Refusal: With the filter's name in the message.
    """
    market = asked.market
    if not market.trading:
        raise market_closed()
    if asked.type is OrderType.MARKET:
        _judge_market_amount(asked, last_price)
    else:
        _judge_price(asked, last_price)
        _judge_lot(asked.amount_base, market)
        _judge_notional(asked.amount_base * asked.price, market, is_market=False)
    if open_orders >= market.orders_max:
        raise filter_failure("MAX_NUM_ORDERS")


def _judge_price(asked: NewOrder, last_price: Decimal) -> None:
    market = asked.market
    if asked.price <= 0:
        raise Refusal(-1013, "Invalid price.")
    in_range = market.price_min <= asked.price <= market.price_max
    if not in_range or asked.price % market.price_step != 0:
        raise filter_failure("PRICE_FILTER")
    if asked.side is Side.BUY:
        lowest, highest = market.bid_times_min, market.bid_times_max
    else:
        lowest, highest = market.ask_times_min, market.ask_times_max
    if not lowest * last_price <= asked.price <= highest * last_price:
        raise filter_failure(market.percent_name)


def _judge_lot(amount_base: Decimal, market: Market) -> None:
    if amount_base <= 0:
        raise Refusal(-1013, "Invalid quantity.")
    in_range = market.amount_min <= amount_base <= market.amount_max
    if not in_range or amount_base % market.amount_step != 0:
        raise filter_failure("LOT_SIZE")


def _judge_market_amount(asked: NewOrder, last_price: Decimal) -> None:
    market = asked.market
    if asked.amount_quote > 0:
        amount_quote = asked.amount_quote
        amount_base = divide_down(amount_quote, last_price)
    else:
        _judge_lot(asked.amount_base, market)
        amount_base = asked.amount_base
        amount_quote = amount_base * last_price
    if not market.market_amount_min <= amount_base <= market.market_amount_max:
        raise filter_failure("MARKET_LOT_SIZE")
    _judge_notional(amount_quote, market, is_market=True)


def _judge_notional(amount_quote: Decimal, market: Market, *, is_market: bool) -> None:
    if is_market and not market.notional_on_market:
        return
    too_large = amount_quote > market.notional_max and not is_market
    if amount_quote < market.notional_min or too_large:
        raise filter_failure(market.notional_name)
