-- ARGV: window id, its text, most windows. Windows over for good make room; they are never reported.
drop_windows_over()
local is_new = redis.call('HEXISTS', WINDOWS, ARGV[1]) == 0
if is_new and redis.call('HLEN', WINDOWS) >= tonumber(ARGV[3]) then return {'full'} end
redis.call('HSET', WINDOWS, ARGV[1], ARGV[2])
return {'added'}
