-- ARGV: known_ms, then client order id, order JSON, head of its rank and micro-units of each order.
local added = 0
for index = 2, #ARGV, 4 do
  added = added + add_in_doubt(
    ARGV[index], ARGV[index + 1], ARGV[index + 2], tonumber(ARGV[1]), ARGV[index + 3])
end
return {'added', added}
