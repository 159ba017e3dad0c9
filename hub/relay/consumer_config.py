"""What a node is told about the carriers that it consumes from. Needs no driver."""

from __future__ import annotations

from dataclasses import dataclass

from hub.relay.config import RoutingConfig
from hub.relay.rabbitmq.config import RabbitSourceConfig
from hub.relay.redis.config import RedisPubSubConfig, RedisStreamConfig

SourceConfig = RabbitSourceConfig | RedisStreamConfig | RedisPubSubConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerConfig:
    """One source, and what becomes of its messages."""

    source: SourceConfig
    routing: RoutingConfig

    @property
    def name(self) -> str:
        return self.source.name


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayConfig:
    """Everything that brings messages into the hub.

    Attributes:
        events: what becomes of events that come over HTTP; None takes none.
    """

    consumers: tuple[ConsumerConfig, ...] = ()
    events: RoutingConfig | None = None
