"""`consumers` and `events`: what comes into the hub from RabbitMQ, Redis and HTTP, and where it goes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from hub.relay.config import EVENT_TAGS
from settings.consumer_rabbitmq_model import RabbitmqConsumerSettings
from settings.redis_model import RedisSettings
from settings.section import Count, Duration, PositiveCount, Section, Shape, Words


def _to_patterns(value: object) -> object:
    """One pattern or several; numbers and booleans as JSON writes them."""
    if not isinstance(value, dict):
        return value
    return {path: [_to_text(item) for item in _listed(patterns)] for path, patterns in value.items()}


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _to_text(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


Patterns = Annotated[
    dict[str, tuple[str, ...]], BeforeValidator(_to_patterns), Shape("table of patterns, or lists of them, by path")
]
Templates = Annotated[dict[str, str], Shape("table of templates by name")]
TemplateList = Annotated[tuple[str, ...], Shape("list of templates")]
Unrouted = Literal["reject", "drop"]


class RouteSettings(Section):
    channels: TemplateList = Field((), description="Where to publish: each template names one channel.")
    when: Patterns = Field(
        {}, description="Only messages in which every path has a value that one of its patterns matches."
    )
    unless: Patterns = Field({}, description="Not those in which one of the paths has such a value.")
    tags: Templates = Field({}, description="Tags of the publication; one without a value is left out.")
    final: bool = Field(True, description="Look at no later route when this one matches.")
    trusted: bool = Field(
        False, description="Values may name any channel of any user: only where nobody but trusted services publishes."
    )


class RoutingSettings(Section):
    routes: tuple[RouteSettings, ...] = Field((), description="Tried in this order; see docs/events.md.")
    unrouted: Unrouted = Field(
        "reject", description="What becomes of a message that no route matches: a dead letter, or nothing."
    )
    event_tags: Words = Field(EVENT_TAGS, description="Attributes of events that become tags of the publication.")
    idempotency_ttl: Duration = Field(
        3600.0, description="How long a message is known again, so that it is published once; 0s never."
    )
    max_message_size: PositiveCount = Field(1 << 20, description="Longest body, in bytes.")


class RedisStreamSettings(RedisSettings):
    streams: Words = Field((), description="Streams to read.")
    consumer_group: str = Field("syncline", description="Consumer group; made where it is missing.")
    consumer_name: str = Field("", description="This node in the group; node.name when empty.")
    single_active_consumer: bool = Field(
        True, description="One node at a time reads, so that order holds across nodes; without, all share the work."
    )
    visibility_timeout: Duration = Field(
        30.0, description="How long nodes that share wait before they take over what one has not acknowledged."
    )
    batch_size: PositiveCount = Field(100, description="Entries that are read and acknowledged together.")
    delivery_limit: PositiveCount = Field(20, description="Deliveries after which an entry is a dead letter.")
    payload_value: str = Field("payload", description="Field that holds the body; the others are headers.")
    dead_letter_stream: str = Field("", description="Where rejected entries go; `<stream>.dead` when empty.")
    dead_letter_max_length: Count = Field(
        100_000, description="Dead letters that are kept, the oldest go first; 0 keeps all."
    )
    delete_acknowledged: bool = Field(
        False, description="Take acknowledged entries out of the stream. Only where nobody else reads it."
    )


class RedisPubSubSettings(RedisSettings):
    patterns: Words = Field((), description="Patterns of the pub/sub channels to listen to.")
    single_active_consumer: bool = Field(
        True, description="One node at a time listens; without, each publishes every message once more."
    )
    max_waiting: PositiveCount = Field(10_000, description="Messages that wait to be published; more are dropped.")


class ConsumerSettings(RoutingSettings):
    name: str = Field("", description="Names it in logs and metrics: two or more letters, digits and underscores.")
    enabled: bool = Field(True, description="Consume.")
    type: Literal["rabbitmq", "redis_stream", "redis_pubsub"] = Field(
        "rabbitmq", description="Which of the sections below holds. Pub/sub delivers at most once, the others at least."
    )
    rabbitmq: RabbitmqConsumerSettings = Field(RabbitmqConsumerSettings(), description="A queue of RabbitMQ.")
    redis_stream: RedisStreamSettings = Field(RedisStreamSettings(), description="Streams of Redis.")
    redis_pubsub: RedisPubSubSettings = Field(RedisPubSubSettings(), description="Pub/sub of Redis.")


class EventIntakeSettings(RoutingSettings):
    enabled: bool = Field(False, description="Take CloudEvents over HTTP, with the key of the server API.")
    handler_prefix: str = Field("/v1/events", description="Path to post them to, where the server API answers.")
    max_batch: PositiveCount = Field(1_000, description="Most events of one request.")
