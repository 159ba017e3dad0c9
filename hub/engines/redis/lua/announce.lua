-- Hand a message to whoever listens, and keep nothing.
-- KEYS: the channel's meta, for its slot. ARGV: (incarnation), PUBLISH or SPUBLISH, pub/sub channel, message.
return redis.call(ARGV[2], ARGV[3], ARGV[4])
