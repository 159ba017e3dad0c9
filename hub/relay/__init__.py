"""Events on their way between the hub and what outlives it.

Nouns
    Message        what a carrier handed over: RabbitMQ, a Redis stream, pub/sub, HTTP.
    Router         makes Deliveries of it: publications, each in one channel; or raises Rejected, with the reason.
    Intake         publishes deliveries, in order per channel, and says for each message whether the engine has it.
    Source         brings messages from one carrier and acknowledges what was accepted.
    DeadLetters    what was rejected, to be looked at and replayed.
    Outbox         what was committed with a change and must yet be published: rows of the database, at least once.
    OutboxEntry    one such event: a channel and its data.
    Publisher      publishes entries, in order per channel, for as long as it takes.

`hub.relay.outbox` is the only part of the hub that knows the database.
"""
