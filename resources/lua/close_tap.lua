-- ARGV: venue, for_ms. The later of two closings wins: nobody opens a tap that another closed.
local until_ms = now_ms() + ARGV[2]
if until_ms > tonumber(redis.call('HGET', TAPS, ARGV[1]) or 0) then
  redis.call('HSET', TAPS, ARGV[1], whole(until_ms))
end
return {'closed'}
