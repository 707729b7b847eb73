-- ARGV: slot, epoch, client order id, token, lease_until_ms, valid_until_ms, venue, then the
-- bucket's rate (micro-tokens a microsecond), capacity and cost (micro-tokens).
--
-- Every check comes before the first write. A check answers {'lost', why}, {'not_now', why, wait_ms}
-- or nothing; the token is taken last, so that a refusal for another reason costs none.
local id, token, lease_until, valid_until = ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local venue, rate, capacity, cost = ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local time_us, rank = now_us(), redis.call('HGET', RANKS, id)
local SELLS_WAIT_MS = 100
local VERDICT_WAIT_MS = 100

local function check_tenure()
  if not is_current(ARGV[1], ARGV[2]) then return {'lost', 'the drain slot has a later owner'} end
end

local function check_claim()
  if redis.call('ZSCORE', SENT, id) then return {'lost', 'it was marked sent already'} end
  if not is_held(id, token) then return {'lost', 'its lease is no longer ours'} end
end

local function check_time()
  if time_us / 1000 < valid_until then return nil end
  return {'not_now', "the gate's verdict ran out by the clock of Redis", VERDICT_WAIT_MS}
end

local function check_sells()
  local order, text = read(id)
  if not (order and rank) then return {'corrupt', id, text} end
  if must_wait_for_sells(order) then
    return {'not_now', 'a sell of its cycle is not settled yet', SELLS_WAIT_MS}
  end
end

-- Whole micro-tokens: a rate of r orders a second is r micro-tokens a microsecond, exactly.
local function check_rate()
  local tokens_field, at_field = venue .. PART .. 'tokens', venue .. PART .. 'at_us'
  local tokens = tonumber(redis.call('HGET', BUCKETS, tokens_field) or capacity)
  local at_us = tonumber(redis.call('HGET', BUCKETS, at_field) or time_us)
  -- A clock that was set back earns nothing; it is written down, or the venue would wait for it.
  tokens = math.min(capacity, tokens + math.max(0, time_us - at_us) * rate)
  local missing = cost - tokens
  if missing <= 0 then tokens = tokens - cost end
  redis.call('HSET', BUCKETS, tokens_field, string.format('%.0f', tokens),
    at_field, string.format('%.0f', time_us))
  if missing > 0 then
    return {'not_now', 'the rate budget of ' .. venue .. ' is spent',
      math.ceil(missing / rate / 1000)}
  end
end

local refusal = check_tenure() or check_claim() or check_time() or check_sells() or check_rate()
if refusal then return refusal end
redis.call('ZREM', LATER, id)
redis.call('ZADD', SENT, lease_until, id)
count_as_sent(id, rank)
return {'sent'}
