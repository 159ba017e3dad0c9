"""A node with everything that counts, and what it says at `/metrics`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.devices import platform
from tests.support.cluster import new_prefix, redis_section
from tests.support.ports import free_port

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from tests.support.api_client import Answer
    from tests.support.server import Config, NodeProcess


def everything(redis_port: int, **sections: Any) -> Config:
    """Accounts, Redis, every kind of consumer and sink, console and traces; the relay's brokers are not there."""
    amqp = f"amqp://guest:guest@127.0.0.1:{free_port()}/"
    nowhere = [f"127.0.0.1:{free_port()}"]
    routes = [{"channels": ["chat:{data.key}"]}]
    return platform(
        engine=redis_section(redis_port, new_prefix()),
        prometheus={"enabled": True},
        opentelemetry={"enabled": True},
        console={"enabled": True},
        sentry={"dsn": f"http://key@127.0.0.1:{free_port()}/1"},
        channel={"namespaces": [{"name": "chat", "allow_subscribe_for_client": True}]},
        consumers=[
            {"name": "rabbits", "type": "rabbitmq", "rabbitmq": {"url": amqp, "queue": "q"}, "routes": routes},
            {
                "name": "streams",
                "type": "redis_stream",
                "redis_stream": {"address": nowhere, "streams": ["s"]},
                "routes": routes,
            },
            {
                "name": "calls",
                "type": "redis_pubsub",
                "redis_pubsub": {"address": nowhere, "patterns": ["c*"]},
                "routes": routes,
            },
        ],
        events={"enabled": True, "routes": routes},
        sinks=[
            {
                "name": "audit",
                "type": "redis_stream",
                "events": ["session.*"],
                "redis_stream": {"address": nowhere, "stream": "audit"},
            },
            {
                "name": "bunnies",
                "type": "rabbitmq",
                "events": ["session.*"],
                "rabbitmq": {"url": amqp, "exchange": "events"},
            },
        ],
        **sections,
    )


async def scraped(node: NodeProcess, accept: str = "") -> Answer:
    answer = await node.api.request("GET", "/metrics", headers={"Accept": accept} if accept else None)
    assert answer.status == 200, answer
    return answer


def metrics_of(text: str) -> dict[str, Metric]:
    """By name, as Prometheus's own client reads them."""
    return {metric.name: metric for metric in text_string_to_metric_families(text)}


def series_of(text: str) -> set[str]:
    """Names with labels, without values."""
    return {line.rpartition(" ")[0] for line in text.splitlines() if line and not line.startswith("#")}


def value_of(text: str, series: str) -> float:
    found = [line.rpartition(" ")[2] for line in text.splitlines() if line.rpartition(" ")[0] == series]
    assert len(found) == 1, (series, found)
    return float(found[0])
