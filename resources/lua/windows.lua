-- Every window that is not over for good: id and text in turn.
drop_windows_over()
local found = {'windows'}
for _, word in ipairs(redis.call('HGETALL', WINDOWS)) do table.insert(found, word) end
return found
