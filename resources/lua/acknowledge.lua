-- ARGV: client order id, known_ms, micro-units that were paid, portfolio and micro-units of trades told
-- after the end ('' and 0 for none), then the successor's id, JSON, head of its rank and micro-units it
-- may trade, if there is one. Answers 1 when the successor was turned away.
local id, known_ms = ARGV[1], tonumber(ARGV[2])
local order, text = read(id)
local rank, is_news = redis.call('HGET', RANKS, id), not is_known(id)
if text and not (order and rank) then return {'corrupt', id, text} end

-- Known anew from its end on: it cannot come back while anyone may still hold a copy of it.
remember(id, known_ms)
if not order then
  -- An end this queue never heard of: whether the successor was sent since, only the venue can say.
  if is_news and ARGV[6] then add_in_doubt(ARGV[6], ARGV[7], ARGV[8], known_ms, ARGV[9]) end
  -- It left with what was known of it then; an order that is here yet counts as a whole, below.
  if tonumber(ARGV[5]) > 0 then add_turnover(ARGV[4], tonumber(ARGV[5])) end
  return {'acknowledged', 0}
end

redis.call('ZREM', READY, rank)
redis.call('ZREM', PARKED, order.group .. PART .. rank)
redis.call('ZREM', LIVE, order.live)
redis.call('ZREM', LATER, id)
count_as_sent(id, rank)
land(order)
unmark_sent(order)
for _, key in ipairs({ORDERS, RANKS, CLAIMS, TRIES, ABSENCES}) do redis.call('HDEL', key, id) end
if tonumber(ARGV[3]) > 0 then add_turnover(order.portfolio, tonumber(ARGV[3])) end
if order.is_sell and redis.call('HINCRBY', SELLS, order.group, -1) <= 0 then
  redis.call('HDEL', SELLS, order.group)
end
-- A successor takes the symbol over, and a sell's successor its place before the buys. After a loss
-- another order of the symbol may still be in doubt: then the successor never was in the queue.
if ARGV[6] then add(ARGV[6], ARGV[7], ARGV[8], known_ms) end
local is_turned_away = ARGV[6] and not is_known(ARGV[6])
if order.is_sell and redis.call('HEXISTS', SELLS, order.group) == 0 then wake(order.group) end
if ARGV[6] or order.is_sell then tell_news() end
return {'acknowledged', is_turned_away and 1 or 0}
