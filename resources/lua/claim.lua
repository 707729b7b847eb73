-- ARGV: slot, epoch, now_ms, lease_until_ms, token, the most orders to take.
--
-- Answers {'claimed', one of what was taken, …}; the last is {'empty', …} when there was nothing more.
local now, lease_until, token, most = ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local answer = {'claimed'}

local function first_due(key, count)
  return redis.call('ZRANGEBYSCORE', key, '-inf', now, 'LIMIT', 0, count)
end

local function left()
  return most - (#answer - 1)
end

local function take_in_doubt()
  for _, id in ipairs(first_due(SENT, left())) do
    redis.call('ZADD', SENT, lease_until, id)
    redis.call('HSET', CLAIMS, id, token)
    local absences, sent_at = redis.call('HGET', ABSENCES, id), redis.call('HGET', SENT_AT, id)
    local text = redis.call('HGET', ORDERS, id)
    table.insert(answer, {'in_doubt', id, text, absences or 0, sent_at or 0})
  end
end

-- A lease that ran out and a rest that is over end alike: the order waits again, as urgent as ever.
local function take_back_due()
  for _, id in ipairs(first_due(LATER, MOVES_MAX)) do
    local rank = redis.call('HGET', RANKS, id)
    redis.call('HDEL', CLAIMS, id)
    if rank then
      redis.call('ZREM', LATER, id)
      redis.call('ZADD', READY, 0, rank)
    else
      -- Leased like a text that is none of ours: it is reported, and holds nobody up.
      redis.call('ZADD', LATER, lease_until, id)
      table.insert(answer, {'corrupt', id, redis.call('HGET', ORDERS, id)})
      if left() <= 0 then return end
    end
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
    local rank = left() > 0 and redis.call('ZRANGE', READY, 0, 0)[1]
    if not rank then return end
    local id = string.sub(rank, 61)
    local order, text = read(id)
    redis.call('ZREM', READY, rank)
    if order and must_wait_for_sells(order) then
      park(order, rank)
    else
      redis.call('ZADD', LATER, lease_until, id)
      if order then
        redis.call('HSET', CLAIMS, id, token)
        table.insert(answer, {'claim', id, text, redis.call('HGET', TRIES, id) or 0})
      else
        table.insert(answer, {'corrupt', id, text})
      end
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
take_in_doubt()
if left() > 0 then take_back_due() end
if left() > 0 then wake_some() end
take_ready()
if left() > 0 then table.insert(answer, {'empty', next_at()}) end
return answer
