from __future__ import annotations

from typing import Any

import pytest

from hub.relay.rabbitmq.config import RabbitConnectionConfig, RabbitSourceConfig
from settings.consumer_views import relay_config
from tests.unit.settings.conftest import Complain, Load

ROUTES = [{"channels": ["c"]}]


def consumer(**rabbitmq: Any) -> dict[str, Any]:
    return {"consumers": [{"name": "orders", "type": "rabbitmq", "rabbitmq": rabbitmq, "routes": ROUTES}]}


@pytest.mark.parametrize(
    ("rabbitmq", "problem"),
    [
        ({"queue": ""}, "queue: must be set"),
        ({"queue": "q" * 256}, "queue: must be 255 bytes at most"),
        ({"dead_letter_queue": "ü" * 128}, "dead_letter_queue: must be 255 bytes at most"),
        ({"exchange": "e", "bindings": []}, "bindings: must hold at least one"),
        ({"prefetch": 2001}, "prefetch: must be 2000 at most"),
        ({"declare": False}, "dead_letter_exchange: must be set"),
        ({"url": "http://me:secret@a"}, "url: must begin with amqp:// or amqps://"),
        ({"url": "amqp://me:secret@a:port/"}, "url: has no usable host and port"),
        ({"url": "amqp://me:secret@/"}, "url: names no host"),
        ({"url": "amqp://me:secret@a/?heartbeat=0"}, "url: must end with the virtual host"),
        ({"url": "amqp://me:secret@a/", "tls": {"enabled": True}}, "url: must begin with amqps:// each"),
        ({"heartbeat": "0s"}, "heartbeat: must be 1s to 600s"),
        ({"heartbeat": "601s"}, "heartbeat: must be 1s to 600s"),
    ],
)
def test_what_is_refused(problems: Complain, rabbitmq: dict[str, Any], problem: str) -> None:
    told = "\n".join(f"{found.key}: {found.message}" for found in problems(consumer(**{"queue": "q", **rabbitmq})))
    assert f"consumers[0].rabbitmq.{problem}" in told
    assert "secret" not in told


def test_what_is_left_out_has_defaults(load: Load) -> None:
    (told,) = relay_config(load(consumer(queue="q")).settings).consumers
    connection = RabbitConnectionConfig(urls=("amqp://guest:guest@127.0.0.1/",))
    assert told.source == RabbitSourceConfig(name="orders", connection=connection, queue="q")


def test_a_cluster_with_tls_is_told(load: Load) -> None:
    urls = ["amqps://me:pass@a/shop", "amqps://me:pass@b/shop"]
    (told,) = relay_config(load(consumer(queue="q", url=urls, tls={"server_name": "mq"})).settings).consumers
    assert isinstance(told.source, RabbitSourceConfig)
    assert told.source.connection.urls == tuple(urls)
    assert told.source.connection.tls is not None
    assert told.source.connection.tls.server_name == "mq"
    assert "pass" not in repr(told.source)


def test_a_queue_that_is_there_is_accepted(load: Load) -> None:
    load(consumer(queue="q", declare=False, dead_letter_exchange="dead"))
