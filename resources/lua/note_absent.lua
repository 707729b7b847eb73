-- ARGV: client order id, token, retry_at_ms.
local id, retry_at = ARGV[1], ARGV[3]
if not is_held(id, ARGV[2]) then return {'lost', 'its lease is no longer ours'} end
if not redis.call('ZSCORE', SENT, id) then return {'lost', 'it is not in doubt'} end
redis.call('HDEL', CLAIMS, id)
redis.call('HINCRBY', ABSENCES, id, 1)
redis.call('ZADD', SENT, retry_at, id)
return {'noted'}
