"""Redis as a carrier: streams with a consumer group (at least once), and pub/sub patterns (at most once).

Nouns
    RedisAccess         connections to whoever holds a key now: one server, behind Sentinel, or in a cluster.
    StreamReader        one stream: taken in order, published, acknowledged.
    RedisStreamSource   the streams of one consumer.
    RedisPubSubSource   the patterns of one consumer.
    RedisDeadLetters    what was rejected, in a stream of its own.
    Lease               which node consumes at the moment.

The connections are those of `hub.engines.redis`; nothing here imports a driver before it is opened.
"""
