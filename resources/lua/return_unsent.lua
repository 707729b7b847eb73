-- ARGV: client order id, token, retry_at_ms.
local id, retry_at = ARGV[1], ARGV[3]
if not is_held(id, ARGV[2]) then return {'lost', 'its lease is no longer ours'} end
local order, text = read(id)
if not order then return {'corrupt', id, text} end
redis.call('HDEL', CLAIMS, id)
redis.call('HINCRBY', TRIES, id, 1)
land(order)
unmark_sent(order)
redis.call('ZADD', LATER, retry_at, id)
count_as_waiting(id, redis.call('HGET', RANKS, id))
return {'returned'}
