"""What can be set about Redis sources. Durations are seconds."""

from __future__ import annotations

from dataclasses import dataclass, field

from hub.engines.redis.config import RedisConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisStreamConfig:
    """Streams that are consumed through one consumer group.

    Attributes:
        consumer_name: this node's in the group; "" for the node's own name.
        single_active_consumer: one node at a time reads, so order holds across nodes. Else all do, each a share.
        visibility_timeout_s: without a single active consumer: after this long another node takes over what a node has
            not acknowledged.
        delivery_limit: how often an entry is taken over before it counts as a dead letter.
        payload_value: the field that holds the body; the others are headers.
        dead_letter_stream: "" for `<stream>.dead` of each.
        dead_letter_max_length: how many dead letters a stream keeps; the oldest go first. 0 for all.
        delete_acknowledged: take acknowledged entries out of the stream. Only where no other group reads it.
    """

    name: str
    redis: RedisConfig = field(default_factory=RedisConfig)
    streams: tuple[str, ...] = ()
    consumer_group: str = "syncline"
    consumer_name: str = ""
    single_active_consumer: bool = True
    visibility_timeout_s: float = 30
    batch_size: int = 100
    delivery_limit: int = 20
    payload_value: str = "payload"
    dead_letter_stream: str = ""
    dead_letter_max_length: int = 100_000
    delete_acknowledged: bool = False

    def dead_stream(self, stream: str) -> str:
        return self.dead_letter_stream or f"{stream}.dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisPubSubConfig:
    """Patterns that are listened to.

    Attributes:
        single_active_consumer: one node at a time listens. Else each node publishes every message once more.
        max_waiting: messages that wait to be published; what comes beyond is dropped and counted.
    """

    name: str
    redis: RedisConfig = field(default_factory=RedisConfig)
    patterns: tuple[str, ...] = ()
    single_active_consumer: bool = True
    max_waiting: int = 10_000
