"""What a source needs at the broker: made where it is missing, or, with `declare: false`, only looked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hub.relay.rabbitmq.link import call

if TYPE_CHECKING:
    from aiormq.abc import AbstractChannel

    from hub.relay.rabbitmq.config import RabbitSourceConfig

UNLIMITED_DELIVERIES: Final = 2**31 - 1
"""RabbitMQ 4 gives every quorum queue a limit of 20, and looking at a dead letter counts as a delivery."""


async def declare(channel: AbstractChannel, config: RabbitSourceConfig) -> None:
    """Make, or find, the queue and everything around it. Anybody may do so again and again.

    Raises:
        LinkLost: it is not there, or it is there with other properties; the broker's own words say which.
    """
    if config.declare:
        await _declare_dead_letters(channel, config)
        await _declare_queue(channel, config)
        await _declare_bindings(channel, config)
    else:
        await call(f"looking for queue {config.queue}", channel.queue_declare(config.queue, passive=True))
        exchange = config.dead_exchange
        await call(f"looking for exchange {exchange}", channel.exchange_declare(exchange, passive=True))


def queue_arguments(config: RabbitSourceConfig) -> dict[str, Any]:
    """Dead letters leave the queue only once the other one has them, which wants `reject-publish`."""
    return {
        "x-queue-type": "quorum",
        "x-delivery-limit": config.delivery_limit,
        "x-dead-letter-exchange": config.dead_exchange,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
        "x-single-active-consumer": config.single_active_consumer,
    }


async def _declare_dead_letters(channel: AbstractChannel, config: RabbitSourceConfig) -> None:
    exchange, queue = config.dead_exchange, config.dead_queue
    arguments: dict[str, Any] = {"x-queue-type": "quorum", "x-delivery-limit": UNLIMITED_DELIVERIES}
    await call(
        f"declaring exchange {exchange}",
        channel.exchange_declare(exchange, exchange_type="fanout", durable=True),
    )
    await call(f"declaring queue {queue}", channel.queue_declare(queue, durable=True, arguments=arguments))
    await call(f"binding queue {queue}", channel.queue_bind(queue, exchange))


async def _declare_queue(channel: AbstractChannel, config: RabbitSourceConfig) -> None:
    declaration = channel.queue_declare(config.queue, durable=True, arguments=queue_arguments(config))
    await call(f"declaring queue {config.queue}", declaration)


async def _declare_bindings(channel: AbstractChannel, config: RabbitSourceConfig) -> None:
    exchange = config.exchange
    if not exchange:
        return
    await call(
        f"declaring exchange {exchange}",
        channel.exchange_declare(exchange, exchange_type=config.exchange_type, durable=True),
    )
    for binding in config.bindings:
        await call(f"binding queue {config.queue}", channel.queue_bind(config.queue, exchange, binding))
