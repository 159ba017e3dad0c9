-- ARGV: (incarnation), client, value, user, TTL (ms). The keys go with the last lease.
local client, value, user, ttl = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
sweep()
local before = redis.call('HGET', KEYS[1], client)
if not before or user_of(before) ~= user then
  if before then
    forget(client)
  end
  redis.call('HINCRBY', KEYS[3], user, 1)
end
redis.call('HSET', KEYS[1], client, value)
redis.call('ZADD', KEYS[2], now + ttl, client)
for _, key in ipairs(KEYS) do
  redis.call('PEXPIRE', key, math.max(ttl, redis.call('PTTL', key)))
end
return 1
