"""For every kind of test: the databases, the Redis servers, the RabbitMQ broker, and the net for secrets in logs."""

from __future__ import annotations

pytest_plugins = [
    "tests.support.canary",
    "tests.support.databases",
    "tests.support.redis_servers",
    "tests.support.rabbitmq",
]
