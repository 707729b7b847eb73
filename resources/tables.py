"""All tables as the newest migration leaves them, whichever file of `tables_*` describes them.

Every row that follows from another carries its key: fill → order → signal → ticker, balance and
precision rows. Only the link from an order to its signal is no foreign key: the books must take an
order that reached the queue even where its signal was never written.
"""

from resources import tables_books, tables_controls, tables_market

metadata = tables_market.market_precision.metadata
assert tables_books.orders.metadata is metadata
assert tables_controls.trading_halts.metadata is metadata
