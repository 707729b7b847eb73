-- ARGV: client order id, known_ms, then the residual's id, JSON and head of its rank if there is one.
local id, known_ms = ARGV[1], tonumber(ARGV[2])
local order, text = read(id)
local rank = redis.call('HGET', RANKS, id)
if text and not (order and rank) then return {'corrupt', id, text} end

if order then
  redis.call('ZREM', READY, rank)
  redis.call('ZREM', PARKED, order.group .. PART .. rank)
  redis.call('ZREM', LIVE, order.live)
  count_as_sent(id, rank)
  for _, key in ipairs({LATER, SENT}) do redis.call('ZREM', key, id) end
  for _, key in ipairs({ORDERS, RANKS, CLAIMS, TRIES, ABSENCES}) do redis.call('HDEL', key, id) end
  -- Known anew from its end on: it cannot come back while anyone may still hold a copy of it.
  remember(id, known_ms)
  if order.is_sell and redis.call('HINCRBY', SELLS, order.group, -1) <= 0 then
    redis.call('HDEL', SELLS, order.group)
  end
end
-- A residual takes the symbol over, and a sell's residual its place before the buys.
if ARGV[3] then add(ARGV[3], ARGV[4], ARGV[5], known_ms) end
if order and order.is_sell and redis.call('HEXISTS', SELLS, order.group) == 0 then
  wake(order.group)
end
return {'acknowledged'}
