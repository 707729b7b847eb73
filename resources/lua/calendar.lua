-- Shared by the scripts that read or write the maintenance calendar.
-- One that cannot be read is kept: a person must look, and until then it stops every order.
local function drop_windows_over()
  local now, all = now_ms(), redis.call('HGETALL', WINDOWS)
  for index = 1, #all, 2 do
    local starts, duration, every, till =
      string.match(all[index + 1], '^[^\31]*\31(%d+)\31(%d+)\31(%d*)\31(%d*)\31')
    local ends = starts and every == '' and starts + duration
    if (ends and now >= ends) or (tonumber(till) and now >= tonumber(till)) then
      redis.call('HDEL', WINDOWS, all[index])
    end
  end
end
