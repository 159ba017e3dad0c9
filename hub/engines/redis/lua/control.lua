-- Append a control message and announce it.
-- KEYS: log. ARGV: incarnation of the server, PUBLISH or SPUBLISH, pub/sub channel, most messages kept, message.
-- Answers: the message's id.
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[4], '*', 'm', ARGV[5], 'r', ARGV[1])
redis.call(ARGV[2], ARGV[3], id .. '\n' .. ARGV[5])
return id
