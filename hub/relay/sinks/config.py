"""What can be set about the outbox's carriers and the sinks. Needs no driver."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hub.engines.redis.config import RedisConfig
    from hub.relay.rabbitmq.config import RabbitConnectionConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class RabbitTargetConfig:
    """Where on a broker events go. Nothing is declared: an event that no queue takes waits in the outbox.

    Attributes:
        exchange: "" for the queue that is called like the routing key.
        routing_key: a template over `{type}`, `{channel}` and `{namespace}`.
    """

    connection: RabbitConnectionConfig
    exchange: str = ""
    routing_key: str = "{type}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamTargetConfig:
    """Which Redis stream events go to.

    Attributes:
        stream: its key, as it is; no prefix is put before it.
        max_length: entries kept, roughly; 0 keeps all.
    """

    redis: RedisConfig
    stream: str
    max_length: int = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkConfig:
    """Who gets which events.

    Attributes:
        events: globs over kinds of events (`session.*`).
        namespaces: of channels whose client publications are wanted.
        source: the CloudEvents attribute.
    """

    name: str
    target: RabbitTargetConfig | StreamTargetConfig
    events: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    source: str = "/syncline"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxConfig:
    """How events leave.

    Attributes:
        carrier: None for straight to the hub; else the exchange from which a consumer brings them back.
        source: the CloudEvents attribute on the way there.
    """

    carrier: RabbitTargetConfig | None = None
    source: str = "/syncline"
    sinks: tuple[SinkConfig, ...] = field(default=())
