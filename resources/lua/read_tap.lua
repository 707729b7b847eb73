-- ARGV: venue. How long its tap stays closed, in ms; 0 while it is open.
local until_ms = tonumber(redis.call('HGET', TAPS, ARGV[1]) or 0)
return {'closed_for', whole(math.max(0, until_ms - now_ms()))}
