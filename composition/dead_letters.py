"""The dead letters of a consumer, whatever carrier keeps them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from hub.relay.rabbitmq.config import RabbitSourceConfig
from hub.relay.redis.config import RedisStreamConfig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.clock import Clock
    from hub.relay.consumer_config import ConsumerConfig
    from hub.relay.dead_letters import DeadLetters


class NoDeadLetters(Exception):
    """This kind of consumer keeps none."""


@asynccontextmanager
async def open_dead_letters(consumer: ConsumerConfig, clock: Clock) -> AsyncIterator[DeadLetters]:
    """For as long as the block runs. No source needs to run for it.

    Raises:
        NoDeadLetters, and ModuleNotFoundError where the carrier's driver is not installed.
    """
    source = consumer.source
    if isinstance(source, RabbitSourceConfig):
        from hub.relay.rabbitmq.dead_letters import RabbitDeadLetters  # noqa: PLC0415  # needs the extra

        yield RabbitDeadLetters(source, clock)
    elif isinstance(source, RedisStreamConfig):
        from hub.relay.redis.dead_letters import RedisDeadLetters  # noqa: PLC0415  # needs the extra

        letters = RedisDeadLetters(source, clock)
        try:
            yield letters
        finally:
            await letters.close()
    else:
        raise NoDeadLetters("pub/sub delivers at most once: what cannot be published is counted and gone")
