-- ARGV: portfolio. About one order a symbol, so the answer is as short as the portfolio is.
if is_lost() then return {'no_generation'} end
local found = {'live'}
for _, member in ipairs(range_of(LIVE, ARGV[1], -1)) do
  local id = string.match(member, '[^' .. PART .. ']*$')
  table.insert(found, id)
  table.insert(found, redis.call('HGET', ORDERS, id) or '')
end
return found
