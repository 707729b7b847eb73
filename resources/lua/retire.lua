-- ARGV: client order id, token, due_ms. The order's end is about to be booked without its being sent:
-- from now on nobody can permit it. A crash before its acknowledgement leaves it in doubt, not waiting.
local id, due_ms = ARGV[1], ARGV[3]
if not is_held(id, ARGV[2]) then return {'lost', 'its lease is no longer ours'} end
if redis.call('ZSCORE', SENT, id) then return {'lost', 'it was marked sent already'} end
local order, text = read(id)
local rank = redis.call('HGET', RANKS, id)
if not (order and rank) then return {'corrupt', id, text} end
redis.call('ZREM', LATER, id)
mark_sent(order, due_ms, whole(now_ms()), 0)
count_as_sent(id, rank)
return {'retired'}
