"""The relay as a node opens it: a source per consumer, and clear words where one cannot be."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from api.config import EdgeConfig
from composition.measures import add_gauges
from composition.relay import Relay, RelayRefused, open_relay
from hub.config import ChannelConfig, HubConfig
from hub.engines.memory import MemoryEngine
from hub.engines.redis.config import RedisConfig
from hub.hub import Hub
from hub.relay.config import RouteConfig, RoutingConfig
from hub.relay.consumer_config import ConsumerConfig, RelayConfig, SourceConfig
from hub.relay.rabbitmq.config import RabbitConnectionConfig, RabbitSourceConfig
from hub.relay.redis.config import RedisPubSubConfig, RedisStreamConfig
from tests.support.clock import FakeClock

ROUTING = RoutingConfig(routes=(RouteConfig(channels=("news",)),))
RABBIT = RabbitSourceConfig(name="rabbit", connection=RabbitConnectionConfig(urls=("amqp://localhost",)), queue="q")
STREAM = RedisStreamConfig(name="stream", streams=("s",))
PUBSUB = RedisPubSubConfig(name="pubsub", patterns=("p",))


def opened(*sources: SourceConfig, routing: RoutingConfig = ROUTING, events: RoutingConfig | None = None) -> Relay:
    clock = FakeClock()
    hub = Hub(HubConfig(channel=ChannelConfig()), MemoryEngine(clock), clock)
    consumers = tuple(ConsumerConfig(source=source, routing=routing) for source in sources)
    relay = open_relay(RelayConfig(consumers=consumers, events=events), EdgeConfig(), hub, clock)
    add_gauges(hub, (relay,))
    return relay


async def test_every_consumer_has_a_source_and_a_task() -> None:
    relay = opened(RABBIT, STREAM, PUBSUB)
    tasks = relay.tasks()
    for _, work in tasks:
        work.close()
    assert [name for name, _ in tasks] == ["consumer.rabbit", "consumer.stream", "consumer.pubsub"]
    assert [health.name for health in relay.health()] == ["rabbit", "stream", "pubsub"]
    assert relay.measures()["relay_detached"] == 3


async def test_without_consumers_there_is_nothing_to_do() -> None:
    relay = opened()
    assert (relay.tasks(), relay.events, relay.measures()["relay_detached"]) == ([], None, 0)
    await relay.stop_intake()


async def test_events_have_an_endpoint_where_they_have_routes() -> None:
    assert opened(events=ROUTING).events is not None
    with pytest.raises(RelayRefused, match="events: routes: must hold at least one"):
        opened(events=RoutingConfig())


async def test_routes_that_make_no_sense_are_told_with_their_consumer() -> None:
    with pytest.raises(RelayRefused, match=r"consumer stream: routes\[0\].channels\[0\]: 'a:b' is in namespace 'a'"):
        opened(STREAM, routing=RoutingConfig(routes=(RouteConfig(channels=("a:b",)),)))


async def test_a_server_that_makes_no_sense_is_told_with_its_consumer() -> None:
    with pytest.raises(RelayRefused, match=r"consumer stream: user: "):
        opened(replace(STREAM, redis=RedisConfig(user="somebody")))


@pytest.mark.parametrize(
    ("source", "driver", "extra"),
    [
        (
            "RabbitSourceConfig(name='x', connection=RabbitConnectionConfig(urls=('amqp://h',)), queue='q')",
            "aiormq",
            "rabbitmq",
        ),
        ("RedisStreamConfig(name='x', streams=('s',))", "hiredis", "redis"),
        ("RedisPubSubConfig(name='x', patterns=('p',))", "hiredis", "redis"),
    ],
)
def test_a_missing_driver_is_told_with_its_extra(source: str, driver: str, extra: str) -> None:
    """In a process of its own: what is imported once stays."""
    program = WITHOUT_A_DRIVER.format(driver=driver, source=source)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert ended.stdout.strip() == f"consumer x: {driver} is missing; install syncline with the extra {extra!r}"


ROOT = Path(__file__).parents[3]

WITHOUT_A_DRIVER = """
import asyncio, sys
sys.modules[{driver!r}] = None
from api.config import EdgeConfig
from composition.relay import RelayRefused, open_relay
from hub.clock import SystemClock
from hub.config import HubConfig
from hub.engines.memory import MemoryEngine
from hub.hub import Hub
from hub.relay.config import RouteConfig, RoutingConfig
from hub.relay.consumer_config import ConsumerConfig, RelayConfig
from hub.relay.rabbitmq.config import RabbitConnectionConfig, RabbitSourceConfig
from hub.relay.redis.config import RedisPubSubConfig, RedisStreamConfig

async def main():
    hub = Hub(HubConfig(), MemoryEngine(SystemClock()), SystemClock())
    routing = RoutingConfig(routes=(RouteConfig(channels=("news",)),))
    consumer = ConsumerConfig(source={source}, routing=routing)
    try:
        open_relay(RelayConfig(consumers=(consumer,)), EdgeConfig(), hub, SystemClock())
    except RelayRefused as exc:
        print(exc)

asyncio.run(main())
"""
