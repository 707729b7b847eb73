-- ARGV: client order ids. Those that are not live are left out.
local found = {'stages'}
for _, id in ipairs(ARGV) do
  if redis.call('HEXISTS', ORDERS, id) == 1 then
    table.insert(found, id)
    table.insert(found, redis.call('ZSCORE', SENT, id) and 'sent' or 'waiting')
  end
end
return found
