-- ARGV: slot, owner, ttl_ms. Leases of slots run by the clock of Redis, the one clock all share.
local slot, owner, now = ARGV[1], ARGV[2], now_ms()
local holder = redis.call('HGET', TENURES, slot .. ':owner') or ''
local held_until = tonumber(redis.call('HGET', TENURES, slot .. ':until_ms') or 0)
if holder ~= '' and holder ~= owner and now < held_until then return {'held'} end
local epoch = redis.call('HINCRBY', TENURES, slot .. ':epoch', 1)
redis.call('HSET', TENURES, slot .. ':owner', owner,
  slot .. ':until_ms', string.format('%.0f', now + ARGV[3]))
return {'opened', epoch}
