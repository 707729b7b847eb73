-- ARGV: slot, epoch, ttl_ms. A lease that ran out is still ours while nobody else took the slot.
if not is_current(ARGV[1], ARGV[2]) then return {'lost', 'the drain slot has a later owner'} end
redis.call('HSET', TENURES, ARGV[1] .. ':until_ms', string.format('%.0f', now_ms() + ARGV[3]))
return {'renewed'}
