"""Sources, sinks and the outbox: what the relay counts."""

from __future__ import annotations

from typing import Final

from observability.metrics.entry import Entry, counter, gauge, histogram

INTAKE: Final = (
    counter("relay_accepted", "relay_messages_accepted", "Messages whose deliveries the engine has all accepted."),
    counter("relay_deliveries", "relay_deliveries", "Publications that these messages have become."),
    counter("relay_retries", "relay_retries", "Batches tried again because the engine gave no answer."),
    gauge("relay_is_stalled", "relay_stalled", "1: the engine gave no answer to the last attempt."),
    counter("relay_rejected.*", "relay_messages_rejected", "Messages that can never be delivered.", "reason"),
    gauge("relay_detached", "relay_consumers_detached", "Consumers that are not receiving."),
    histogram(
        "consumer_lag_s.*",
        "consumer_lag_seconds",
        "From the publisher's timestamp (RabbitMQ), the entry's id (stream) or arrival (pub/sub) to acceptance.",
        "consumer",
    ),
)

_RABBITMQ: Final = {"carrier": "rabbitmq"}
_REDIS: Final = {"carrier": "redis"}

CONSUMERS: Final = (
    gauge("amqp_attached.*", "consumer_attached", "1: it is receiving.", "consumer", **_RABBITMQ),
    gauge("redis_attached.*", "consumer_attached", "", "consumer", **_REDIS),
    counter("amqp_received.*", "consumer_messages_received", "Messages that have come.", "consumer", **_RABBITMQ),
    counter("redis_received.*", "consumer_messages_received", "", "consumer", **_REDIS),
    counter("amqp_acknowledged.*", "consumer_messages_acknowledged", "Done with.", "consumer", **_RABBITMQ),
    counter("redis_acknowledged.*", "consumer_messages_acknowledged", "", "consumer", **_REDIS),
    counter("amqp_rejected.*", "consumer_messages_rejected", "Never to be delivered.", "consumer", **_RABBITMQ),
    counter("redis_rejected.*", "consumer_messages_rejected", "", "consumer", **_REDIS),
    counter("amqp_redelivered.*", "consumer_messages_redelivered", "Not for the first time.", "consumer", **_RABBITMQ),
    counter("redis_taken_over.*", "consumer_messages_redelivered", "", "consumer", **_REDIS),
    counter(
        "amqp_dead_lettered.*", "consumer_dead_letters", "Messages put aside for operators.", "consumer", **_RABBITMQ
    ),
    counter("redis_dead_letters.*", "consumer_dead_letters", "", "consumer", **_REDIS),
    counter(
        "redis_dead_letters_trimmed.*", "consumer_dead_letters_trimmed", "Of these, given up: too many.", "consumer"
    ),
    counter(
        "amqp_lost_links.*", "consumer_links_lost", "Connections to the broker that broke.", "consumer", **_RABBITMQ
    ),
    counter("redis_lost_links.*", "consumer_links_lost", "", "consumer", **_REDIS),
    gauge(
        "amqp_in_hand.*", "consumer_messages_in_hand", "Delivered and not acknowledged yet.", "consumer", **_RABBITMQ
    ),
    gauge("redis_waiting.*", "consumer_messages_in_hand", "", "consumer", **_REDIS),
    gauge(
        "amqp_queue_length.*",
        "consumer_queue_messages",
        "Waiting at the broker, at last look.",
        "consumer",
        **_RABBITMQ,
    ),
    gauge("redis_lag.*", "consumer_queue_messages", "", "consumer", **_REDIS),
    gauge("redis_active_streams.*", "consumer_streams_active", "Streams read by this node.", "consumer"),
    gauge("redis_listening.*", "consumer_listening", "1: this node listens to the pub/sub channels.", "consumer"),
    counter("redis_dropped.*", "consumer_messages_dropped", "Nobody wanted them, or more than may wait.", "consumer"),
    counter(
        "redis_deleted.*", "consumer_messages_deleted", "Trimmed before anybody had acknowledged them.", "consumer"
    ),
    counter("redis_gaps.*", "consumer_gaps", "Times that pub/sub messages may have been missed.", "consumer"),
)

BROKER: Final = (
    counter("amqp_published.*", "amqp_messages_published", "Messages that the broker has confirmed.", "publisher"),
    counter(
        "amqp_publish_failures.*", "amqp_publish_failures", "Those that it has not; they are repeated.", "publisher"
    ),
    gauge("amqp_unconfirmed.*", "amqp_messages_unconfirmed", "On their way to the broker.", "publisher"),
    gauge("amqp_blocked.*", "amqp_blocked", "1: the broker takes nothing: memory or disk.", "publisher"),
)
"""`amqp_lost_links.*` of publishers is among the consumers': both are connections to a broker, by name."""

OUTBOX: Final = (
    gauge("outbox_waiting", "outbox_entries_waiting", "Committed events in memory, not yet published."),
    gauge("outbox_oldest_age_s", "outbox_oldest_age_seconds", "Age of the oldest event in the database, all nodes."),
    counter("outbox_published", "outbox_entries_published", "Events that have been published."),
    counter("outbox_failures", "outbox_failures", "Attempts without an answer; they are repeated."),
    counter("outbox_refused", "outbox_entries_refused", "Events that were refused, and wait for an operator."),
    counter("outbox_swept", "outbox_entries_swept", "Events found in the database that no memory had."),
    counter("outbox_spilled", "outbox_entries_spilled", "Events left in the database because memory was full."),
    counter("outbox_left", "outbox_entries_left", "Events left to the node that has what is before them."),
    counter("outbox_dropped", "outbox_entries_dropped", "Events that another node was found to publish."),
    gauge("outbox_parts", "outbox_parts", "Parts of the outbox that this node publishes."),
    gauge("outbox_is_stalled", "outbox_stalled", "1: nobody takes its events."),
    gauge("sink_waiting.*", "sink_entries_waiting", "Copies for a sink, in memory.", "sink"),
    counter("sink_published.*", "sink_entries_published", "Copies that a sink has taken.", "sink"),
    counter("sink_failures.*", "sink_failures", "Attempts without an answer; they are repeated.", "sink"),
    counter("sink_refused.*", "sink_entries_refused", "Copies that were refused, and wait for an operator.", "sink"),
    gauge("client_events_waiting", "client_events_waiting", "What connections did, not yet in the database."),
    counter("client_events_written", "client_events_written", "What connections did, for sinks."),
    counter("client_events_lost", "client_events_lost", "Of that, lost: too many, or no database."),
    counter("client_events_failures", "client_events_failures", "Writes of them that the database did not answer."),
)

ENTRIES: Final[tuple[Entry, ...]] = (*INTAKE, *CONSUMERS, *BROKER, *OUTBOX)
