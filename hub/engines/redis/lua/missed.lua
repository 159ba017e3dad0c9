-- Read what came after a position, and change nothing: no epoch is created, no TTL prolonged, and the server that wrote
-- last does not matter. What it had in an epoch is what was published there.
-- KEYS: meta, log. ARGV: (incarnation), offset, most publications.
-- Answers: epoch ('' where there is no stream), the offset at which that epoch began, entries of the log.
local meta = redis.call('HMGET', KEYS[1], 'e', 'b')
if not meta[1] then
  return {'', '0', {}}
end
return {meta[1], meta[2] or '0', redis.call('XRANGE', KEYS[2], '(' .. ARGV[2] .. '-0', '+', 'COUNT', ARGV[3])}
