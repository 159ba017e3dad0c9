"""The views of `consumers` and `events`; see `settings.views`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hub.relay.config import RouteConfig, RoutingConfig
from hub.relay.consumer_config import ConsumerConfig, RelayConfig
from hub.relay.redis.config import RedisPubSubConfig, RedisStreamConfig
from settings.consumer_rabbitmq_views import rabbitmq_source_config
from settings.redis_views import redis_config

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hub.relay.consumer_config import SourceConfig
    from settings.consumer_model import ConsumerSettings, RouteSettings, RoutingSettings
    from settings.model import Settings


def relay_config(settings: Settings) -> RelayConfig:
    return RelayConfig(
        consumers=tuple(consumer_config(consumer) for consumer in settings.consumers if consumer.enabled),
        events=routing_config(settings.events) if settings.events.enabled else None,
    )


def consumer_config(consumer: ConsumerSettings) -> ConsumerConfig:
    return ConsumerConfig(source=_SOURCES[consumer.type](consumer), routing=routing_config(consumer))


def routing_config(routing: RoutingSettings) -> RoutingConfig:
    return RoutingConfig(
        routes=tuple(map(_route_config, routing.routes)),
        unrouted=routing.unrouted,
        event_tags=routing.event_tags,
        idempotency_ttl_s=routing.idempotency_ttl,
        max_message_bytes=routing.max_message_size,
    )


def _route_config(route: RouteSettings) -> RouteConfig:
    return RouteConfig(
        channels=route.channels,
        when=route.when,
        unless=route.unless,
        tags=route.tags,
        is_final=route.final,
        is_trusted=route.trusted,
    )


def _rabbitmq(consumer: ConsumerSettings) -> SourceConfig:
    return rabbitmq_source_config(consumer.name, consumer.rabbitmq)


def _redis_stream(consumer: ConsumerSettings) -> SourceConfig:
    stream = consumer.redis_stream
    return RedisStreamConfig(
        name=consumer.name,
        redis=redis_config(stream),
        streams=stream.streams,
        consumer_group=stream.consumer_group,
        consumer_name=stream.consumer_name,
        single_active_consumer=stream.single_active_consumer,
        visibility_timeout_s=stream.visibility_timeout,
        batch_size=stream.batch_size,
        delivery_limit=stream.delivery_limit,
        payload_value=stream.payload_value,
        dead_letter_stream=stream.dead_letter_stream,
        dead_letter_max_length=stream.dead_letter_max_length,
        delete_acknowledged=stream.delete_acknowledged,
    )


def _redis_pubsub(consumer: ConsumerSettings) -> SourceConfig:
    pubsub = consumer.redis_pubsub
    return RedisPubSubConfig(
        name=consumer.name,
        redis=redis_config(pubsub),
        patterns=pubsub.patterns,
        single_active_consumer=pubsub.single_active_consumer,
        max_waiting=pubsub.max_waiting,
    )


_SOURCES: Final[Mapping[str, Callable[[ConsumerSettings], SourceConfig]]] = {
    "rabbitmq": _rabbitmq,
    "redis_stream": _redis_stream,
    "redis_pubsub": _redis_pubsub,
}
