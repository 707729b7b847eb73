-- ARGV: client order id, token, retry_at_ms.
local id, retry_at = ARGV[1], ARGV[3]
if not is_held(id, ARGV[2]) then return {'lost', 'its lease is no longer ours'} end
local is_sent = redis.call('ZSCORE', SENT, id)
local order = is_sent and read(id)
if order then land(order) end
redis.call('HDEL', CLAIMS, id)
redis.call('ZADD', is_sent and SENT or LATER, retry_at, id)
return {'released'}
