"""How a RabbitMQ is reached, and the queue that a consumer takes from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from settings.redis_model import RedisTlsSettings
from settings.section import Duration, PositiveCount, Secrets, Section, Words


class RabbitmqSettings(Section):
    """The same options wherever a RabbitMQ is used. A URL may hold a password, so it is a secret."""

    url: Secrets = Field(
        (),
        description="The broker: `amqp://user:password@host:5672/vhost`, `amqps://` for TLS; several for the nodes of "
        "a cluster, tried in turn. `amqp://guest:guest@127.0.0.1/` when empty.",
    )
    heartbeat: Duration = Field(10.0, description="How often broker and node tell each other that they live.")
    tls: RedisTlsSettings = Field(RedisTlsSettings(), description="TLS of `amqps://`.")


class RabbitmqConsumerSettings(RabbitmqSettings):
    queue: str = Field("", description="Queue to consume.")
    exchange: str = Field(
        "", description="Exchange that the queue is bound to; empty for a queue that is published to by its name."
    )
    exchange_type: Literal["topic", "direct", "fanout", "headers"] = Field(
        "topic", description="What kind of exchange to make where it is missing."
    )
    bindings: Words = Field(("#",), description="Routing keys, or patterns of a topic exchange, to bind the queue by.")
    declare: bool = Field(
        True, description="Make queue, exchange, bindings and dead letters; without, they must be there."
    )
    dead_letter_exchange: str = Field("", description="Where rejected messages go; `<queue>.dead` when empty.")
    dead_letter_queue: str = Field("", description="Queue that keeps them; `<queue>.dead` when empty.")
    delivery_limit: PositiveCount = Field(
        20, description="Deliveries after which the broker itself makes a message a dead letter. With declare."
    )
    single_active_consumer: bool = Field(
        True, description="One node at a time consumes, so that order holds across nodes. With declare."
    )
    prefetch: PositiveCount = Field(200, description="Messages in hand that are not acknowledged yet, at most.")
