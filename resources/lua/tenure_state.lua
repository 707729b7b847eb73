-- ARGV: slot.
local slot = ARGV[1]
local owner = redis.call('HGET', TENURES, slot .. ':owner') or ''
local until_ms = tonumber(redis.call('HGET', TENURES, slot .. ':until_ms') or 0)
local is_held = owner ~= '' and now_ms() < until_ms
return {'state', redis.call('HGET', TENURES, slot .. ':epoch') or 0, is_held and 1 or 0}
