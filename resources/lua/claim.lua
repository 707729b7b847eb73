-- ARGV: slot, epoch, now_ms, lease_until_ms, token.
local now, lease_until, token = ARGV[3], ARGV[4], ARGV[5]

local function first_due(key, count)
  return redis.call('ZRANGEBYSCORE', key, '-inf', now, 'LIMIT', 0, count)
end

local function take_in_doubt()
  local id = first_due(SENT, 1)[1]
  if not id then return nil end
  redis.call('ZADD', SENT, lease_until, id)
  redis.call('HSET', CLAIMS, id, token)
  return {'in_doubt', id, redis.call('HGET', ORDERS, id), redis.call('HGET', ABSENCES, id) or 0,
    redis.call('HGET', SENT_AT, id) or 0}
end

-- A lease that ran out and a rest that is over end alike: the order waits again, as urgent as ever.
local function take_back_due()
  for _, id in ipairs(first_due(LATER, MOVES_MAX)) do
    local rank = redis.call('HGET', RANKS, id)
    redis.call('HDEL', CLAIMS, id)
    if not rank then
      redis.call('ZADD', LATER, lease_until, id)
      return {'corrupt', id, redis.call('HGET', ORDERS, id)}
    end
    redis.call('ZREM', LATER, id)
    redis.call('ZADD', READY, 0, rank)
  end
end

local function wake_some()
  local group = redis.call('ZRANGE', WAKING, 0, 0)[1]
  if not group then return end
  if redis.call('HEXISTS', SELLS, group) == 1 then
    redis.call('ZREM', WAKING, group)
  else
    wake(group)
  end
end

local function take_ready()
  for _ = 1, MOVES_MAX do
    local rank = redis.call('ZRANGE', READY, 0, 0)[1]
    if not rank then return nil end
    local id = string.sub(rank, 61)
    local order, text = read(id)
    redis.call('ZREM', READY, rank)
    if order and must_wait_for_sells(order) then
      park(order, rank)
    else
      -- A text that is none of ours is leased too: it is reported, and holds nobody up.
      redis.call('ZADD', LATER, lease_until, id)
      if not order then return {'corrupt', id, text} end
      redis.call('HSET', CLAIMS, id, token)
      return {'claim', id, text, redis.call('HGET', TRIES, id) or 0}
    end
  end
end

local function next_at()
  local soonest = redis.call('ZCARD', READY) > 0 and now or nil
  for _, key in ipairs({LATER, SENT}) do
    local at = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
    if at and (not soonest or tonumber(at) < tonumber(soonest)) then soonest = at end
  end
  return soonest
end

if is_lost() then return {'no_generation'} end
if not is_current(ARGV[1], ARGV[2]) then return {'lost'} end
local taken = take_in_doubt() or take_back_due()
if taken then return taken end
wake_some()
return take_ready() or {'empty', next_at()}
