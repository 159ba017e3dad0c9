-- Drop a channel's publications. The empty log stays until its time is over: its TTL is that of the position.
-- KEYS: log.
return redis.call('XTRIM', KEYS[1], 'MAXLEN', 0)
