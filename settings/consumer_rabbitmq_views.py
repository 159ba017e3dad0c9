"""The view of a RabbitMQ section."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hub.relay.rabbitmq.config import RabbitConnectionConfig, RabbitSourceConfig
from settings.redis_views import tls_config

if TYPE_CHECKING:
    from settings.consumer_rabbitmq_model import RabbitmqConsumerSettings, RabbitmqSettings

DEFAULT_URL: Final = "amqp://guest:guest@127.0.0.1/"


def rabbitmq_connection_config(rabbitmq: RabbitmqSettings) -> RabbitConnectionConfig:
    urls = tuple(url.get_secret_value() for url in rabbitmq.url) or (DEFAULT_URL,)
    is_encrypted = any(url.startswith("amqps:") for url in urls)
    return RabbitConnectionConfig(
        urls=urls,
        heartbeat_s=round(rabbitmq.heartbeat),
        tls=tls_config(rabbitmq.tls, is_wanted=is_encrypted),
    )


def rabbitmq_source_config(name: str, rabbitmq: RabbitmqConsumerSettings) -> RabbitSourceConfig:
    return RabbitSourceConfig(
        name=name,
        connection=rabbitmq_connection_config(rabbitmq),
        queue=rabbitmq.queue,
        exchange=rabbitmq.exchange,
        exchange_type=rabbitmq.exchange_type,
        bindings=rabbitmq.bindings,
        declare=rabbitmq.declare,
        delivery_limit=rabbitmq.delivery_limit,
        dead_letter_exchange=rabbitmq.dead_letter_exchange,
        dead_letter_queue=rabbitmq.dead_letter_queue,
        single_active_consumer=rabbitmq.single_active_consumer,
        prefetch=rabbitmq.prefetch,
    )
