-- ARGV: slot, epoch, client order id, token, lease_until_ms, valid_until_ms, venue, micro-units the
-- order may trade, its portfolio's cap on them in a day ('' for none), its most open orders ('' for
-- none), 1 when the order is beyond a cap by itself, the most orders a second of the venue may hold,
-- then the draws on its budgets.
--
-- Every check comes before the first write. A check answers {'lost', why}, {'not_now', …},
-- {'denied', …} or nothing; tokens are taken last, so a refusal for another reason costs none.
local id, token, lease_until, valid_until = ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local venue, micro, cap, open_max = ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local IS_DENIED, flights_max, FIRST_DRAW = ARGV[11] == '1', tonumber(ARGV[12]), 13
local time_ms, rank = now_ms(), redis.call('HGET', RANKS, id)
local order, text = read(id)
local HALTED_WAIT_MS = 500
local SOON_MS = 100
local AT_MS_MAX = 1000000000000000

local function check_tenure()
  if not is_current(ARGV[1], ARGV[2]) then return {'lost', 'the drain slot has a later owner'} end
end

local function check_claim()
  if redis.call('ZSCORE', SENT, id) then return {'lost', 'it was marked sent already'} end
  if not is_held(id, token) then return {'lost', 'its lease is no longer ours'} end
end

local function check_generation()
  if is_lost() then return {'no_generation'} end
  if not (order and rank) or order.venue ~= venue then return {'corrupt', id, text} end
end

-- Denied only while the claim is ours: an order that another has sent must not be booked as denied.
local function check_static()
  if IS_DENIED then return {'denied', 'BY_ITSELF', ''} end
end

-- A halt counts whatever is written beside it, and one whose name cannot be read stops everything.
local function covers(scope)
  local kind, name = string.match(scope or '', '^(%a+):(.+)$')
  if kind == 'venue' then return name == order.venue end
  if kind == 'portfolio' then return name == order.portfolio end
  return true
end

local function check_halts()
  for _, field in ipairs(redis.call('HKEYS', HALTS)) do
    if covers(string.match(field, '^(.*)|[^|]*$')) then
      return not_now('HALTED', field, HALTED_WAIT_MS)
    end
  end
end

-- When a window that is open now closes, or nil. One that cannot be read is open for everybody.
local function closes_at(window)
  local of, starts, duration, every, till =
    string.match(window, '^([^\31]*)\31(%d+)\31(%d+)\31(%d*)\31(%d*)\31')
  starts, duration = tonumber(starts), tonumber(duration)
  every, till = tonumber(every), tonumber(till)
  if not of or every == 0 or math.max(starts, every or 0, till or 0) > AT_MS_MAX then
    return time_ms + SOON_MS
  end
  if of ~= '' and of ~= venue then return nil end
  if time_ms < starts or (till and time_ms >= till) then return nil end
  local into = time_ms - starts
  if every then into = into % every end
  if into >= duration then return nil end
  return math.min(time_ms - into + duration, till or AT_MS_MAX)
end

local function check_windows()
  local latest
  for _, window in ipairs(redis.call('HVALS', WINDOWS)) do
    local at = closes_at(window)
    if at and at > (latest or 0) then latest = at end
  end
  if latest then return not_now('MAINTENANCE', whole(latest), latest - time_ms) end
end

local function check_time()
  if time_ms >= valid_until then
    return not_now('VERDICT_RAN_OUT', "the gate's verdict ran out by the clock of Redis", SOON_MS)
  end
end

local function check_sells()
  if must_wait_for_sells(order) then
    return not_now('SELLS_FIRST', 'a sell of its cycle is not settled yet', SOON_MS)
  end
end

local function check_open()
  if not open_max then return nil end
  local first, last = '[' .. order.portfolio .. PART, '(' .. order.portfolio .. PART_END
  local open = redis.call('ZLEXCOUNT', OPEN, first, last)
  if open >= open_max then
    local detail = whole(open) .. ' orders of ' .. order.portfolio .. ' are open, at most '
    return not_now('TOO_MANY_OPEN', detail .. whole(open_max) .. ' may be', SOON_MS)
  end
end

local function check_turnover()
  local _, sum = turnover_of(order.portfolio)
  if cap and sum + micro > cap then return {'denied', 'TURNOVER_SPENT', whole(sum)} end
end

-- Tokens space the orders as they leave. On the way one may be held up, and arrive within the second
-- of those that left after it: so an order holds its place until a second after it has arrived.
local function check_flights()
  local flights = flights_of(venue)
  redis.call('ZREMRANGEBYSCORE', flights, '-inf', time_ms)
  if redis.call('ZCARD', flights) < flights_max then return nil end
  local wait_ms = redis.call('ZRANGE', flights, 0, 0, 'WITHSCORES')[2] - time_ms
  -- None has arrived yet: each counts for its whole lease until the venue answers.
  if wait_ms > FLIGHT_MS + 1 then wait_ms = SOON_MS end
  local detail = whole(flights_max) .. ' orders are on their way to ' .. venue .. ' or just arrived'
  return not_now('RATE_SPENT', detail, wait_ms)
end

local refusal = check_tenure() or check_claim() or check_generation() or check_static()
  or check_halts() or check_windows() or check_tap(venue) or check_time() or check_sells()
  or check_open() or check_turnover() or check_flights() or take_tokens(venue, FIRST_DRAW)
if refusal then return refusal end
redis.call('ZREM', LATER, id)
mark_sent(order, lease_until, whole(time_ms), micro)
-- A request is over before its lease. What arrived as it ended counts for a second more.
redis.call('ZADD', flights_of(venue), lease_until + FLIGHT_MS + 1, flight_of(order, whole(time_ms)))
count_as_sent(id, rank)
return {'sent'}
