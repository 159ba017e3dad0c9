"""`--workers`: one answer of any worker holds the series of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.metrics.scrape import metrics_of, scraped, series_of
from tests.support.cluster import new_prefix, redis_section
from tests.support.patience import eventually
from tests.support.server import running_server

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from tests.support.redis import RedisServer


def by_worker(metric: Metric) -> dict[str, float]:
    found: dict[str, float] = {}
    for sample in metric.samples:
        worker = sample.labels["worker"]
        found[worker] = found.get(worker, 0) + sample.value
    return found


async def test_whichever_is_asked_answers_for_all(shared_redis: RedisServer) -> None:
    config = {
        "engine": redis_section(shared_redis.port, new_prefix()),
        "prometheus": {"enabled": True},
        "shutdown": {"drain_window": "0s"},
    }
    async with running_server(config, flags=("--workers", "2")) as node:

        async def has_both() -> bool:
            return set(by_worker(metrics_of((await scraped(node)).body.decode())["syncline_users"])) == {"1", "2"}

        await eventually(has_both)
        for number in range(20):
            await node.api.publish(f"room{number}")
        text = (await scraped(node)).body.decode()
        assert sum(by_worker(metrics_of(text)["syncline_publications"]).values()) == 20
        assert sum(by_worker(metrics_of(text)["syncline_workers_silent"]).values()) == 0
        assert [series for series in series_of(text) if "worker=" not in series] == []
        node.terminate()
        assert await node.ended() == 0
