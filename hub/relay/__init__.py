"""Events on their way between the hub and what outlives it.

Nouns
    Outbox         what was committed with a change and must yet be published: rows of the database, at least once.
    OutboxEntry    one such event: a channel and its data.
    Publisher      publishes entries, in order per channel, for as long as it takes.

`hub.relay.outbox` is the only part of the hub that knows the database.
"""
