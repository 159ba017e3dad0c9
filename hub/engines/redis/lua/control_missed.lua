-- Read control messages.
-- KEYS: log. ARGV: incarnation of the server, where to begin, most messages.
-- Answers: that incarnation, the oldest id, the newest id ('0-0' where there is none), entries.
local function id_at(command, from, to)
  local entry = redis.call(command, KEYS[1], from, to, 'COUNT', 1)[1]
  return entry and entry[1] or '0-0'
end
local entries = {}
if tonumber(ARGV[3]) > 0 then
  entries = redis.call('XRANGE', KEYS[1], ARGV[2], '+', 'COUNT', ARGV[3])
end
return {ARGV[1], id_at('XRANGE', '-', '+'), id_at('XREVRANGE', '+', '-'), entries}
