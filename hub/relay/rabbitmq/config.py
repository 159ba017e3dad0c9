"""What can be set about RabbitMQ. Durations are seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from hub.engines.redis.config import TlsConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class RabbitConnectionConfig:
    """How to reach the broker.

    Attributes:
        urls: nodes of one cluster, `amqp://` or `amqps://`, tried in turn. They hold the password.
        tls: for `amqps://`; None believes the system's authorities.
    """

    urls: tuple[str, ...] = field(repr=False)
    heartbeat_s: int = 10
    tls: TlsConfig | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RabbitSourceConfig:
    """One queue that is consumed.

    Attributes:
        exchange: what `bindings` bind the queue to; "" for a queue that is published to by its name.
        declare: make exchange, queue, bindings and dead letters; False takes what is there and touches nothing.
        delivery_limit: how often the broker delivers a message before it counts as a dead letter. The loss of a
            connection counts too.
        dead_letter_exchange, dead_letter_queue: `<queue>.dead` when empty.
        single_active_consumer: one node at a time gets messages, so order holds across nodes. Only with `declare`.
        prefetch: messages in our hands, not yet acknowledged; memory and back-pressure.
    """

    name: str
    connection: RabbitConnectionConfig
    queue: str
    exchange: str = ""
    exchange_type: Literal["topic", "direct", "fanout", "headers"] = "topic"
    bindings: tuple[str, ...] = ("#",)
    declare: bool = True
    delivery_limit: int = 20
    dead_letter_exchange: str = ""
    dead_letter_queue: str = ""
    single_active_consumer: bool = True
    prefetch: int = 200

    @property
    def dead_exchange(self) -> str:
        return self.dead_letter_exchange or f"{self.queue}.dead"

    @property
    def dead_queue(self) -> str:
        return self.dead_letter_queue or f"{self.queue}.dead"
