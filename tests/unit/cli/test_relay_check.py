"""The brokers of the relay among what `syncline doctor` looks at."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.ports import free_port
from tests.unit.cli.conftest import Run

if TYPE_CHECKING:
    from tests.support.rabbitmq import RabbitServer
    from tests.support.redis import RedisServer

ROUTES = [{"channels": ["news"]}]


def env_of(*consumers: dict[str, Any], **variables: str) -> dict[str, str]:
    named = [{"name": "orders", "routes": ROUTES, **consumer} for consumer in consumers]
    return {"SYNCLINE_HTTP_SERVER__PORT": "0", "SYNCLINE_CONSUMERS": json.dumps(named), **variables}


def rabbitmq_consumer(url: str) -> dict[str, Any]:
    return {"type": "rabbitmq", "rabbitmq": {"url": url, "queue": "orders"}}


def test_brokers_that_let_us_in(run: Run, rabbitmq: RabbitServer, redis_server: RedisServer) -> None:
    stream = {"address": redis_server.address, "streams": ["orders"], "consumer_group": "syncline"}
    env = env_of(rabbitmq_consumer(rabbitmq.url), {"name": "payments", "type": "redis_stream", "redis_stream": stream})
    result = run("doctor", "--dev", env=env)
    assert (result.exit_code, "ok   consumer orders: RabbitMQ" in result.stdout) == (0, True), result.output
    assert f"ok   consumer payments: Redis at {redis_server.address}" in result.stdout


def test_a_broker_that_refuses_us(run: Run, rabbitmq: RabbitServer) -> None:
    url = rabbitmq.url.replace("guest:guest", "guest:a-wrong-password")
    result = run("doctor", "--dev", env=env_of(rabbitmq_consumer(url)))
    assert (result.exit_code, "fail consumer orders: RabbitMQ: " in result.stdout) == (1, True), result.output
    assert "a-wrong-password" not in result.output


def test_a_consumer_that_is_off_is_nobody(run: Run) -> None:
    consumer = rabbitmq_consumer(f"amqp://guest:guest@127.0.0.1:{free_port()}/") | {"enabled": False}
    result = run("doctor", "--dev", env=env_of(consumer))
    assert (result.exit_code, "RabbitMQ" in result.stdout) == (0, False), result.output


def test_the_outbox_by_rabbitmq(run: Run) -> None:
    env = env_of(
        SYNCLINE_OUTBOX__CARRIER="rabbitmq",
        SYNCLINE_OUTBOX__RABBITMQ__EXCHANGE="events",
        SYNCLINE_OUTBOX__RABBITMQ__URL=f"amqp://guest:guest@127.0.0.1:{free_port()}/",
    )
    result = run("doctor", "--dev", env=env)
    assert (result.exit_code, "fail outbox: RabbitMQ: " in result.stdout) == (1, True), result.output


def test_a_driver_that_is_not_there(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiormq", None)
    for name in [name for name in sys.modules if name.startswith("hub.relay.rabbitmq.")]:
        monkeypatch.delitem(sys.modules, name)
    result = run("doctor", "--dev", env=env_of(rabbitmq_consumer("amqp://127.0.0.1/")))
    assert (
        "fail consumer orders: RabbitMQ: aiormq is not installed: install the extra, syncline[rabbitmq]"
        in result.stdout
    )
    assert result.exit_code == 1
