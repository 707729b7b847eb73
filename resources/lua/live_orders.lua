-- ARGV: portfolio. One order a symbol at most, so the answer is as short as the portfolio is.
local found = {'live'}
for _, member in ipairs(range_of(LIVE, ARGV[1], -1)) do
  local id = string.match(member, '[^' .. PART .. ']*$')
  table.insert(found, id)
  table.insert(found, redis.call('HGET', ORDERS, id) or '')
end
return found
