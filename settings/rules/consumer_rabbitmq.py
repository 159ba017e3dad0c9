"""Rules of a RabbitMQ section. Nothing here repeats a URL: it may hold a password."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from settings.rules.finding import Finding
from settings.rules.redis import tls_findings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from settings.consumer_rabbitmq_model import RabbitmqConsumerSettings, RabbitmqSettings

MAX_NAME_BYTES: Final = 255
"""Of a queue, an exchange or a routing key: AMQP's short strings."""

MAX_PREFETCH: Final = 2_000
"""Quorum queues of some versions take no more."""

MAX_HEARTBEAT_S: Final = 600

SCHEMES: Final = ("amqp", "amqps")


def rabbitmq_findings(key: str, rabbitmq: RabbitmqConsumerSettings) -> Iterator[Finding]:
    """Everything that is wrong with the section of a consumer at `key`."""
    yield from rabbitmq_connection_findings(key, rabbitmq)
    yield from _names(key, rabbitmq)
    if not rabbitmq.queue:
        yield Finding(f"{key}.queue", "must be set")
    if rabbitmq.exchange and not rabbitmq.bindings and rabbitmq.declare:
        yield Finding(f"{key}.bindings", "must hold at least one: nothing would reach the queue", (f"{key}.exchange",))
    if rabbitmq.prefetch > MAX_PREFETCH:
        yield Finding(f"{key}.prefetch", f"must be {MAX_PREFETCH} at most: quorum queues take no more")
    if not rabbitmq.declare and not rabbitmq.dead_letter_exchange:
        message = "must be set: rejected messages would have nowhere to go"
        yield Finding(f"{key}.dead_letter_exchange", message, (f"{key}.declare",))


def rabbitmq_connection_findings(key: str, rabbitmq: RabbitmqSettings) -> Iterator[Finding]:
    """What is wrong with how the broker is reached."""
    for url in rabbitmq.url:
        complaint = _complaint(url.get_secret_value())
        if complaint:
            yield Finding(f"{key}.url", complaint)
        elif rabbitmq.tls.enabled and not url.get_secret_value().startswith("amqps:"):
            yield Finding(f"{key}.url", "must begin with amqps:// each: tls.enabled is set", (f"{key}.tls.enabled",))
    if not 1 <= rabbitmq.heartbeat <= MAX_HEARTBEAT_S:
        yield Finding(f"{key}.heartbeat", f"must be 1s to {MAX_HEARTBEAT_S}s")
    yield from tls_findings(f"{key}.tls", rabbitmq.tls)


def _names(key: str, rabbitmq: RabbitmqConsumerSettings) -> Iterator[Finding]:
    for name in ("queue", "exchange", "dead_letter_exchange", "dead_letter_queue"):
        if len(getattr(rabbitmq, name).encode()) > MAX_NAME_BYTES:
            yield Finding(f"{key}.{name}", f"must be {MAX_NAME_BYTES} bytes at most")


def _complaint(url: str) -> str:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # raises when it is none
    except ValueError:
        return "has no usable host and port"
    if parts.scheme not in SCHEMES:
        return "must begin with amqp:// or amqps://"
    if parts.query or parts.fragment:
        return "must end with the virtual host: everything else has an option of its own"
    return "" if parts.hostname else "names no host"
