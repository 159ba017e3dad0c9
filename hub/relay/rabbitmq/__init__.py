"""RabbitMQ, as a source of messages and as a carrier of events.

Nouns
    Link            one connection, watched: it ends as soon as the broker gives no answer, and says why.
    Declarations    what a source needs at the broker: exchange, queue, bindings, dead letters.
    RabbitSource    consumes one queue; acknowledges in groups what the engine has accepted.
    Tally           which deliveries are done with, and what may be acknowledged.
    Burial          takes rejected messages to the dead-letter exchange before they are acknowledged.
    RabbitPublisher sends letters with confirms, mandatory routing and a deadline.
    Letter          a message to be published.
    RabbitDeadLetters   what lies in the dead-letter queue: listed, replayed, removed.

The driver is aiormq, the layer below aio-pika (docs/adr/0036-rabbitmq-source.md). This package alone imports it, and is
imported only where RabbitMQ is configured.
"""
