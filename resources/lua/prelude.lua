-- Stands in front of every script: the names of the keys, and the steps that several scripts share.
local ORDERS, RANKS, READY, PARKED, LATER, SENT, CLAIMS, TRIES, ABSENCES, RANKED, PLANNED, LIVE,
  SELLS, WAKING, KNOWN, SEQUENCE, TENURES, BUCKETS, GENERATION, HALTS, WINDOWS, TAPS, TURNOVER,
  RESERVED, SENT_AT, OPEN, FLIGHTS, NEWS = unpack(KEYS)

-- The most orders one script moves. The rest waits for the next call, so no call takes long.
local MOVES_MAX = 100
-- No name of ours holds a control character, so this one parts names, and the next ends a range.
local PART, PART_END = '\31', '\32'
local DAY_MS = 86400000
-- The largest sum of turnover kept, in micro-units: whole numbers up to here are exact in doubles.
local MICRO_MAX = 9000000000000000
-- How long an order counts after it has arrived: the second of "orders a second".
local FLIGHT_MS = 1000

-- Asked once: time stands still for a script, and asking costs as much as a write.
local asked_us
local function now_us()
  if not asked_us then
    local time = redis.call('TIME')
    asked_us = time[1] * 1000000 + time[2]
  end
  return asked_us
end

local function now_ms()
  return math.floor(now_us() / 1000)
end

-- A queue without a generation has lost its data, or is new: nobody can tell what was sent.
local function is_lost()
  return redis.call('EXISTS', GENERATION) == 0
end

local function whole(number)
  return string.format('%.0f', number)
end

local function range_of(key, prefix, count)
  local first, last = '[' .. prefix .. PART, '(' .. prefix .. PART_END
  return redis.call('ZRANGEBYLEX', key, first, last, 'LIMIT', 0, count)
end

-- What the queue must know of an order, or nil when the text is none of ours.
local function parse(id, text)
  local is_json, fields = pcall(cjson.decode, text or '')
  if not is_json or type(fields) ~= 'table' then return nil end
  for _, name in ipairs({'cycle_id', 'portfolio', 'venue', 'base', 'quote', 'side'}) do
    if type(fields[name]) ~= 'string' then return nil end
  end
  local slot = fields.portfolio .. PART .. fields.base .. '/' .. fields.quote
  return {
    id = id,
    venue = fields.venue,
    portfolio = fields.portfolio,
    is_sell = fields.side == 'sell',
    group = fields.cycle_id .. PART .. fields.portfolio,
    slot = slot,
    live = slot .. PART .. id,
    open = fields.portfolio .. PART .. id,
  }
end

local function read(id)
  local text = redis.call('HGET', ORDERS, id)
  return parse(id, text), text
end

local function must_wait_for_sells(order)
  return not order.is_sell and redis.call('HEXISTS', SELLS, order.group) == 1
end

local function park(order, rank)
  redis.call('ZADD', PARKED, 0, order.group .. PART .. rank)
end

-- Buys of a group may go once none of its sells is unsettled; the most urgent are moved first.
local function wake(group)
  local waiting = range_of(PARKED, group, MOVES_MAX)
  for _, member in ipairs(waiting) do
    redis.call('ZREM', PARKED, member)
    redis.call('ZADD', READY, 0, string.sub(member, #group + 2))
  end
  if #waiting < MOVES_MAX then
    redis.call('ZREM', WAKING, group)
  else
    redis.call('ZADD', WAKING, 0, group)
  end
end

-- An order that is not sent counts as waiting: for its urgency, and for its age.
local function count_as_waiting(id, rank)
  redis.call('ZADD', RANKED, 0, rank)
  redis.call('ZADD', PLANNED, string.sub(rank, 27, 42), id)
end

local function count_as_sent(id, rank)
  redis.call('ZREM', RANKED, rank)
  redis.call('ZREM', PLANNED, id)
end

-- Old ids are forgotten as fast as new ones come, so the record stays as large as its age allows.
local function remember(id, known_ms)
  local now = now_ms()
  redis.call('ZADD', KNOWN, now, id)
  local old = redis.call('ZRANGEBYSCORE', KNOWN, '-inf', now - known_ms, 'LIMIT', 0, 2)
  for _, forgotten in ipairs(old) do
    redis.call('ZREM', KNOWN, forgotten)
  end
end

local function is_known(id)
  return redis.call('HEXISTS', ORDERS, id) == 1 or redis.call('ZSCORE', KNOWN, id)
end

-- What holds for every live order, whether it waits or was sent. Returns its rank.
local function enter(order, text, rank_head, known_ms)
  local rank = string.format('%s:%016.0f:%s', rank_head, redis.call('INCR', SEQUENCE), order.id)
  remember(order.id, known_ms)
  redis.call('HSET', ORDERS, order.id, text)
  redis.call('HSET', RANKS, order.id, rank)
  redis.call('ZADD', LIVE, 0, order.live)
  if order.is_sell then redis.call('HINCRBY', SELLS, order.group, 1) end
  return rank
end

local function add(id, text, rank_head, known_ms)
  if is_known(id) then return 0 end
  local order = parse(id, text)
  if #range_of(LIVE, order.slot, 1) > 0 then return 0 end
  local rank = enter(order, text, rank_head, known_ms)
  count_as_waiting(id, rank)
  if must_wait_for_sells(order) then
    park(order, rank)
  else
    redis.call('ZADD', READY, 0, rank)
  end
  return 1
end

-- Whoever waits for orders looks now and not a moment later. It is told, not kept: it may get lost.
local function tell_news()
  redis.call('PUBLISH', NEWS, '')
end

-- The day of a portfolio's turnover, and its sum. A clock set back over midnight begins no new day.
local function turnover_of(portfolio)
  local today = math.floor(now_ms() / DAY_MS)
  local stored = redis.call('HGET', TURNOVER, portfolio)
  if not stored then return today, 0 end
  local day, sum = string.match(stored, '^(%d+):(%d+)$')
  if not day then error('turnover of ' .. portfolio .. ': expected day:sum, was ' .. stored) end
  day, sum = tonumber(day), tonumber(sum)
  if day == today or day == today + 1 then return day, sum end
  return today, 0
end

local function add_turnover(portfolio, micro)
  local day, sum = turnover_of(portfolio)
  -- A sum that reached the end of what is exact stays there: nobody knows how far beyond it was.
  if sum < MICRO_MAX then sum = math.max(0, math.min(MICRO_MAX, sum + micro)) end
  redis.call('HSET', TURNOVER, portfolio, whole(day) .. ':' .. whole(sum))
  return day
end

local function mark_sent(order, due_ms, sent_at_ms, micro)
  redis.call('ZADD', SENT, due_ms, order.id)
  redis.call('ZADD', OPEN, 0, order.open)
  redis.call('HSET', SENT_AT, order.id, sent_at_ms)
  local day = add_turnover(order.portfolio, micro)
  redis.call('HSET', RESERVED, order.id, whole(day) .. ':' .. whole(micro))
end

-- What was reserved on an earlier day is forgotten with that day.
local function unmark_sent(order)
  local reserved = redis.call('HGET', RESERVED, order.id)
  local day, micro = string.match(reserved or '', '^(%d+):(%d+)$')
  if day and tonumber(day) == turnover_of(order.portfolio) then
    add_turnover(order.portfolio, -tonumber(micro))
  end
  redis.call('ZREM', SENT, order.id)
  redis.call('ZREM', OPEN, order.open)
  redis.call('HDEL', SENT_AT, order.id)
  redis.call('HDEL', RESERVED, order.id)
end

-- An order that may have been sent: due for a look-up at once. A symbol may hold several of them,
-- for none may be dropped. It cannot have been sent before it was planned, so it counts from there.
local function add_in_doubt(id, text, rank_head, known_ms, micro)
  local order = parse(id, text)
  if is_known(id) then
    -- It ended while this queue was lost: whether its trades were in the books when they were read
    -- nobody knows, so all that it might have traded counts, once.
    local has_ended = redis.call('HEXISTS', ORDERS, id) == 0
    if is_lost() and has_ended and redis.call('HSETNX', RESERVED, id, '') == 1 then
      add_turnover(order.portfolio, tonumber(micro))
    end
    return 0
  end
  local rank = enter(order, text, rank_head, known_ms)
  mark_sent(order, 0, whole(tonumber(string.sub(rank, 27, 42))), tonumber(micro))
  return 1
end

-- The attempts to send to a venue that are on their way, or arrived less than a second ago, with the
-- instant at which each counts no longer. Under a key of its own beside FLIGHTS, in the same slot.
local function flights_of(venue)
  return FLIGHTS .. ':' .. venue
end

local function flight_of(order, sent_at_ms)
  return sent_at_ms .. PART .. order.id
end

-- The venue has answered, so the attempt has arrived by now, and counts for a second from here.
local function land(order)
  local sent_at_ms = redis.call('HGET', SENT_AT, order.id)
  if not sent_at_ms then return end
  local flights, flight = flights_of(order.venue), flight_of(order, sent_at_ms)
  -- One more: the clock is rounded down.
  local until_ms, counted_ms = now_ms() + FLIGHT_MS + 1, redis.call('ZSCORE', flights, flight)
  if counted_ms and tonumber(counted_ms) > until_ms then
    redis.call('ZADD', flights, until_ms, flight)
  end
end

-- The later epoch always wins: whoever held the slot before is a stranger, however sure of itself.
local function is_current(slot, epoch)
  return redis.call('HGET', TENURES, slot .. ':epoch') == epoch
    and redis.call('HGET', TENURES, slot .. ':owner') ~= ''
end

local function is_held(id, token)
  return redis.call('HGET', CLAIMS, id) == token
end
