-- Read one channel's log, creating its epoch on first sight.
-- KEYS: meta, log.
-- ARGV: incarnation of the server, an epoch nobody has used, meta TTL (ms), most publications (-1: all), the offset that
--       bounds them ('': none), 1 for newest first.
-- Answers: top offset, epoch, entries of the log.
local server, fresh_epoch, meta_ttl = ARGV[1], ARGV[2], tonumber(ARGV[3])
local limit, since, is_reverse = tonumber(ARGV[4]), ARGV[5], ARGV[6] == '1'

local meta = redis.call('HMGET', KEYS[1], 'e', 'o', 'r')
local epoch, offset = meta[1], meta[2] or '0'
if not epoch then
  redis.call('DEL', KEYS[2])
end
if not epoch or meta[3] ~= server then -- as in publish.lua
  epoch = fresh_epoch
  redis.call('HSET', KEYS[1], 'e', epoch, 'b', offset, 'o', offset, 'r', server)
end
redis.call('PEXPIRE', KEYS[1], math.max(meta_ttl, redis.call('PTTL', KEYS[2])))

if limit == 0 then
  return {offset, epoch, {}}
end
local range = {'XRANGE', KEYS[2], '-', '+'}
if is_reverse then
  range = {'XREVRANGE', KEYS[2], '+', '-'}
end
if since ~= '' then
  range[3] = '(' .. since .. '-0'
end
if limit > 0 then
  range[5], range[6] = 'COUNT', limit
end
return {offset, epoch, redis.call(unpack(range))}
