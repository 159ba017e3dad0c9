-- Take or renew a lease: 1 when it is ours, 0 when another node has it.
-- KEYS lease   ARGV owner, lease in ms

local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
