-- Counts and the ends of two indexes: as cheap with a hundred thousand orders as with ten.
local in_doubt = redis.call('ZCARD', SENT)
local waiting = redis.call('HLEN', ORDERS) - in_doubt
local first = redis.call('ZRANGE', RANKED, 0, 0)[1]
local oldest = redis.call('ZRANGE', PLANNED, 0, 0, 'WITHSCORES')[2]
return {'depth', waiting, in_doubt, first or '', oldest or ''}
