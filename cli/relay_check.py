"""Whether the brokers of consumers, sinks and outbox could be used now: a part of `syncline doctor`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from cli.check import Check, Status
from cli.redis_check import check_redis_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractAsyncContextManager

    from settings.consumer_rabbitmq_model import RabbitmqSettings
    from settings.model import Settings
    from settings.redis_model import RedisSettings


class Peer(NamedTuple):
    """Who needs a broker, and how to reach it."""

    key: str
    broker: RabbitmqSettings | RedisSettings


def check_relay(settings: Settings) -> Iterator[Check]:
    """One check of each broker that is named. Connects and asks; declares and consumes nothing."""
    from settings.redis_model import RedisSettings

    for key, broker in _peers(settings):
        if isinstance(broker, RedisSettings):
            yield check_redis_at(f"{key}: ", broker)
        else:
            yield _check_rabbitmq(key, broker)


def _peers(settings: Settings) -> Iterator[Peer]:
    for consumer in settings.consumers:
        if consumer.enabled:
            yield Peer(f"consumer {consumer.name}", getattr(consumer, consumer.type))
    for sink in settings.sinks:
        if sink.enabled:
            yield Peer(f"sink {sink.name}", getattr(sink, sink.type))
    if settings.outbox.carrier == "rabbitmq":
        yield Peer("outbox", settings.outbox.rabbitmq)


def _check_rabbitmq(key: str, settings: RabbitmqSettings) -> Check:
    from settings.consumer_rabbitmq_views import rabbitmq_connection_config

    subject = f"{key}: RabbitMQ"
    try:
        from hub.relay.rabbitmq.failures import LinkLost
        from hub.relay.rabbitmq.link import open_link
    except ModuleNotFoundError as exc:
        return Check(Status.FAIL, subject, f"{exc.name} is not installed: install the extra, syncline[rabbitmq]")
    try:
        config = rabbitmq_connection_config(settings)
        asyncio.run(_opened(open_link(config, "syncline doctor")))
    except (LinkLost, ValueError, OSError) as exc:
        return Check(Status.FAIL, subject, str(exc))
    return Check(Status.OK, subject)


async def _opened(link: AbstractAsyncContextManager[object]) -> None:
    async with link:
        pass
