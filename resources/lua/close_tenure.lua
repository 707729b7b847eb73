-- ARGV: slot, epoch. Nobody owns a closed slot, so what its last owner still asks for is refused.
if is_current(ARGV[1], ARGV[2]) then
  redis.call('HSET', TENURES, ARGV[1] .. ':owner', '')
end
return {'closed'}
