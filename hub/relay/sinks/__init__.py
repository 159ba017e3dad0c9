"""What happens on the platform, on its way out: to an exchange of RabbitMQ, or a Redis stream.

Nouns
    Sink           a destination of the outbox, by name, and which kinds of events it wants.
    Tap            which events of the platform a sink gets a copy of.
    ClientEvents   what connections do, gathered until it is written to the outbox.
    CloudEvent     the form in which everything leaves.

An event of the platform's own (`session.*`, `state.*`) is in the outbox with its change. What connections
do (`connection.*`, `client.*`) is written a moment later, many at a time, and may be lost until then:
docs/operations/sinks.md.
"""
