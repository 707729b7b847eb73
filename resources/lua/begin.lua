-- ARGV: how many words tell of budgets, those words (venue, budget and units in turn), then
-- portfolios and the micro-units each has traded today. Comes after every order is back: who sees a
-- generation sees them all. What they may trade yet is counted already.
if not is_lost() then return {'begun', 0} end
local budgets = 1 + ARGV[1]
for index = 2, budgets, 3 do
  local field = ARGV[index] .. PART .. ARGV[index + 1] .. PART
  -- What was sent just before the loss is forgotten here, but not at the venue.
  if redis.call('HSETNX', BUCKETS, field .. 'tokens', ARGV[index + 2]) == 1 then
    redis.call('HSET', BUCKETS, field .. 'at_us', whole(now_us()))
  end
end
for index = budgets + 1, #ARGV, 2 do add_turnover(ARGV[index], tonumber(ARGV[index + 1])) end
redis.call('SET', GENERATION, whole(now_us()))
return {'begun', 1}
