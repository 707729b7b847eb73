-- ARGV: known_ms, the generation that the orders are meant for, then client order id, order JSON and
-- head of the rank of each order.
if is_lost() then return {'no_generation'} end
-- Read before the books were: what they let through then may have been sent, and ended, before a loss.
if redis.call('GET', GENERATION) ~= ARGV[2] then return {'other_generation'} end
local added = {'added'}
for index = 3, #ARGV, 3 do
  if add(ARGV[index], ARGV[index + 1], ARGV[index + 2], tonumber(ARGV[1])) == 1 then
    table.insert(added, ARGV[index])
  end
end
return added
