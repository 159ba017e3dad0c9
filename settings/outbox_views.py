"""The view of `outbox` and `sinks`; see `settings.views`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.relay.sinks.config import OutboxConfig, RabbitTargetConfig, SinkConfig, StreamTargetConfig
from settings.consumer_rabbitmq_views import rabbitmq_connection_config
from settings.redis_views import redis_config

if TYPE_CHECKING:
    from settings.model import Settings
    from settings.outbox_model import OutboxRabbitmqSettings
    from settings.sink_model import SinkRabbitmqSettings, SinkSettings


def outbox_config(settings: Settings) -> OutboxConfig:
    outbox = settings.outbox
    return OutboxConfig(
        carrier=_rabbit_target(outbox.rabbitmq) if outbox.carrier == "rabbitmq" else None,
        source=outbox.source,
        sinks=tuple(sink_config(sink) for sink in settings.sinks if sink.enabled),
    )


def sink_config(sink: SinkSettings) -> SinkConfig:
    return SinkConfig(
        name=sink.name,
        target=_rabbit_target(sink.rabbitmq) if sink.type == "rabbitmq" else _stream_target(sink),
        events=sink.events,
        namespaces=sink.namespaces,
        source=sink.source,
    )


def _rabbit_target(rabbitmq: OutboxRabbitmqSettings | SinkRabbitmqSettings) -> RabbitTargetConfig:
    return RabbitTargetConfig(
        connection=rabbitmq_connection_config(rabbitmq),
        exchange=rabbitmq.exchange,
        routing_key=rabbitmq.routing_key,
    )


def _stream_target(sink: SinkSettings) -> StreamTargetConfig:
    stream = sink.redis_stream
    return StreamTargetConfig(redis=redis_config(stream), stream=stream.stream, max_length=stream.max_length)
