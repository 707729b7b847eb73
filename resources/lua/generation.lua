-- The generation of the queue; '' while it has none.
return {'generation', redis.call('GET', GENERATION) or ''}
