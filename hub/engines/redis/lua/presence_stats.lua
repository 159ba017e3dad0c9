-- Answers: clients, users.
sweep()
return {redis.call('ZCARD', KEYS[2]), redis.call('HLEN', KEYS[3])}
