"""Fixtures for every kind of test: the databases, the Redis servers and the RabbitMQ broker."""

from __future__ import annotations

pytest_plugins = ["tests.support.databases", "tests.support.redis_servers", "tests.support.rabbitmq"]
