-- Stands in front of every script: the names of the keys, and the steps that several scripts share.
local ORDERS, RANKS, READY, PARKED, LATER, SENT, CLAIMS, TRIES, ABSENCES, RANKED, PLANNED, LIVE,
  SELLS, WAKING, KNOWN, SEQUENCE, TENURES, BUCKETS = unpack(KEYS)

-- The most orders one script moves. The rest waits for the next call, so no call takes long.
local MOVES_MAX = 100
-- No name of ours holds a control character, so this one parts names, and the next ends a range.
local PART, PART_END = '\31', '\32'

local function now_us()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local function now_ms()
  return math.floor(now_us() / 1000)
end

local function range_of(key, prefix, count)
  local first, last = '[' .. prefix .. PART, '(' .. prefix .. PART_END
  return redis.call('ZRANGEBYLEX', key, first, last, 'LIMIT', 0, count)
end

-- What the queue must know of an order, or nil when the text is none of ours.
local function parse(id, text)
  local is_json, fields = pcall(cjson.decode, text or '')
  if not is_json or type(fields) ~= 'table' then return nil end
  for _, name in ipairs({'cycle_id', 'portfolio', 'base', 'quote', 'side'}) do
    if type(fields[name]) ~= 'string' then return nil end
  end
  local slot = fields.portfolio .. PART .. fields.base .. '/' .. fields.quote
  return {
    id = id,
    is_sell = fields.side == 'sell',
    group = fields.cycle_id .. PART .. fields.portfolio,
    slot = slot,
    live = slot .. PART .. id,
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

local function add(id, text, rank_head, known_ms)
  if redis.call('HEXISTS', ORDERS, id) == 1 or redis.call('ZSCORE', KNOWN, id) then return 0 end
  local order = parse(id, text)
  if #range_of(LIVE, order.slot, 1) > 0 then return 0 end
  local rank = string.format('%s:%016.0f:%s', rank_head, redis.call('INCR', SEQUENCE), id)
  remember(id, known_ms)
  redis.call('HSET', ORDERS, id, text)
  redis.call('HSET', RANKS, id, rank)
  redis.call('ZADD', LIVE, 0, order.live)
  count_as_waiting(id, rank)
  if order.is_sell then redis.call('HINCRBY', SELLS, order.group, 1) end
  if must_wait_for_sells(order) then
    park(order, rank)
  else
    redis.call('ZADD', READY, 0, rank)
  end
  return 1
end

-- The later epoch always wins: whoever held the slot before is a stranger, however sure of itself.
local function is_current(slot, epoch)
  return redis.call('HGET', TENURES, slot .. ':epoch') == epoch
    and redis.call('HGET', TENURES, slot .. ':owner') ~= ''
end

local function is_held(id, token)
  return redis.call('HGET', CLAIMS, id) == token
end
