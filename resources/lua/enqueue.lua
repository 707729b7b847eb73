-- ARGV: known_ms, then client order id, order JSON and head of the rank of each order.
if is_lost() then return {'no_generation'} end
local added = 0
for index = 2, #ARGV, 3 do
  added = added + add(ARGV[index], ARGV[index + 1], ARGV[index + 2], tonumber(ARGV[1]))
end
return {'added', added}
