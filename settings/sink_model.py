"""`sinks`: who else gets the platform's events."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from settings.consumer_rabbitmq_model import RabbitmqSettings
from settings.redis_model import RedisSettings
from settings.section import Count, Section, Words


class SinkRabbitmqSettings(RabbitmqSettings):
    exchange: str = Field("", description="Exchange to publish to; nothing is declared.")
    routing_key: str = Field(
        "{type}", description="Routing key; `{type}`, `{channel}` and `{namespace}` are filled in."
    )


class SinkStreamSettings(RedisSettings):
    stream: str = Field("", description="Key of the stream, as it is: without the prefix.")
    max_length: Count = Field(1_000_000, description="Entries that are kept, roughly; 0 keeps all.")


class SinkSettings(Section):
    name: str = Field("", description="Names it in logs and metrics: two or more letters, digits and underscores.")
    enabled: bool = Field(True, description="Send.")
    type: Literal["rabbitmq", "redis_stream"] = Field("rabbitmq", description="Which of the sections below holds.")
    events: Words = Field(
        (), description="Kinds of events, `*` for any text: `session.*`, `state.*`, `connection.*`, `client.*`."
    )
    namespaces: Words = Field((), description="Namespaces whose `client.*` events are sent.")
    source: str = Field("/syncline", description="Source of the CloudEvents.")
    rabbitmq: SinkRabbitmqSettings = Field(SinkRabbitmqSettings(), description="An exchange of RabbitMQ.")
    redis_stream: SinkStreamSettings = Field(SinkStreamSettings(), description="A stream of Redis.")
