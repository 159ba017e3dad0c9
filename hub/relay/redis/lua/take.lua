-- Take entries for a consumer, if this node may: a node that was paused since it asked takes nothing any more.
--
-- KEYS  stream, lease (in one slot)
-- ARGV  owner ("" where no lease is needed), lease in ms, group, consumer, count, least idle time in ms ("" for new
--       entries), where to go on ("" for new entries)
-- Returns {0} when another node holds the lease; {2} when it was free, is ours now, and new entries were asked for:
-- what was left behind comes first; {1, entries} otherwise, as XREADGROUP or XAUTOCLAIM has them.

local owner = ARGV[1]
if owner ~= '' then
  local holder = redis.call('GET', KEYS[2])
  if holder and holder ~= owner then
    return {0}
  end
  redis.call('SET', KEYS[2], owner, 'PX', ARGV[2])
  if not holder and ARGV[6] == '' then
    return {2}
  end
end

if ARGV[6] == '' then
  return {1, redis.call('XREADGROUP', 'GROUP', ARGV[3], ARGV[4], 'COUNT', ARGV[5], 'STREAMS', KEYS[1], '>')}
end
return {1, redis.call('XAUTOCLAIM', KEYS[1], ARGV[3], ARGV[4], ARGV[6], ARGV[7], 'COUNT', ARGV[5])}
