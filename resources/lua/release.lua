-- ARGV: client order id, token, retry_at_ms.
local id, retry_at = ARGV[1], ARGV[3]
if not is_held(id, ARGV[2]) then return {'lost', 'its lease is no longer ours'} end
redis.call('HDEL', CLAIMS, id)
redis.call('ZADD', redis.call('ZSCORE', SENT, id) and SENT or LATER, retry_at, id)
return {'released'}
