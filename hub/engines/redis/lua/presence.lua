-- Shared by the scripts about presence. Leases that are over are removed by whoever comes by.
-- KEYS: clients, leases, users. A client's value is '<length of user>:<user><info>'.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function user_of(value)
  local length, rest = string.match(value, '^(%d+):(.*)$')
  return string.sub(rest, 1, tonumber(length))
end

local function forget(client)
  local value = redis.call('HGET', KEYS[1], client)
  if value then
    local user = user_of(value)
    redis.call('HDEL', KEYS[1], client)
    if redis.call('HINCRBY', KEYS[3], user, -1) <= 0 then
      redis.call('HDEL', KEYS[3], user)
    end
  end
  redis.call('ZREM', KEYS[2], client)
end

local function sweep()
  -- No more than this at a time: nobody else is served meanwhile.
  for _, client in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 10000)) do
    forget(client)
  end
end
