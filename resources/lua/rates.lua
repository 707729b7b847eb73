-- Shared by the scripts that let a call out to a venue: its tap, and its budgets.
-- A longer wait is asked again sooner: a window may be removed, and an order may expire meanwhile.
local WAIT_MS_MAX = 10000

local function not_now(reason, detail, wait_ms)
  return {'not_now', reason, detail, math.max(1, math.min(WAIT_MS_MAX, math.ceil(wait_ms)))}
end

local function check_tap(venue)
  local until_ms = redis.call('HGET', TAPS, venue)
  if not until_ms then return nil end
  local wait_ms = tonumber(until_ms) - now_ms()
  if wait_ms > 0 then return not_now('TAP_CLOSED', venue .. ' asked everybody to wait', wait_ms) end
end

-- Draws begin at ARGV[first], five words each: name, units earned a microsecond, units the bucket
-- holds, units the call costs and units it must leave. Either every bucket gives or none does.
local function take_tokens(venue, first)
  local time_us, longest_us, spent, writes = now_us(), 0, nil, {}
  for index = first, #ARGV, 5 do
    local field = venue .. PART .. ARGV[index] .. PART
    local rate, capacity = tonumber(ARGV[index + 1]), tonumber(ARGV[index + 2])
    local cost, floor = tonumber(ARGV[index + 3]), tonumber(ARGV[index + 4])
    local stored = redis.call('HMGET', BUCKETS, field .. 'tokens', field .. 'at_us')
    local tokens, at_us = tonumber(stored[1] or capacity), tonumber(stored[2] or time_us)
    -- A clock that was set back earns nothing; it is written down, or the venue would wait for it.
    tokens = math.min(capacity, tokens + math.max(0, time_us - at_us) * rate)
    local missing = cost + floor - tokens
    if missing > 0 and missing / rate > longest_us then
      longest_us, spent = missing / rate, ARGV[index]
    end
    table.insert(writes, {field, tokens, cost})
  end
  for _, write in ipairs(writes) do
    local field, tokens, cost = unpack(write)
    if not spent then tokens = tokens - cost end
    redis.call('HSET', BUCKETS, field .. 'tokens', whole(tokens), field .. 'at_us', whole(time_us))
  end
  if spent then
    local detail = 'the budget of ' .. spent .. ' of ' .. venue .. ' is spent'
    return not_now('RATE_SPENT', detail, longest_us / 1000)
  end
end
