"""Sinks from end to end: sessions, state and connections of a platform, in an exchange and in a stream."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from composition.measures import add_gauges
from composition.outbox import open_outbox
from hub.clock import SystemClock
from hub.config import ChannelConfig, HubConfig
from hub.engines.memory import MemoryEngine
from hub.engines.redis.config import Address, RedisConfig
from hub.hub import Hub
from hub.relay.outbox import Outbox
from hub.relay.rabbitmq.config import RabbitConnectionConfig
from hub.relay.sinks.config import OutboxConfig, RabbitTargetConfig, SinkConfig, StreamTargetConfig
from hub.supervisor import Supervisor
from sessions.channels import with_session_namespaces
from storage.database import CannotOpen
from tests.support.patience import eventually
from tests.support.ports import free_port
from tests.support.rabbit_world import sender_at

if TYPE_CHECKING:
    from storage.database import Storage
    from tests.support.rabbitmq import RabbitNames, RabbitServer
    from tests.support.redis import RedisServer

STREAM = "events"


def a_hub() -> Hub:
    clock = SystemClock()
    return Hub(HubConfig(channel=with_session_namespaces(ChannelConfig())), MemoryEngine(clock), clock)


def to_stream(port: int, *events: str) -> SinkConfig:
    redis = RedisConfig(addresses=(Address("127.0.0.1", port),))
    return SinkConfig(name="log", target=StreamTargetConfig(redis=redis, stream=STREAM), events=events)


async def leave(storage: Storage, outbox: Outbox, *events: tuple[str, object]) -> None:
    encoded = [(channel, json.dumps(data).encode()) for channel, data in events]
    outbox.publish_soon(await storage.business.run(lambda tx: outbox.add_many(tx, encoded)))


async def test_sessions_and_state_in_a_stream(storage: Storage, redis_server: RedisServer) -> None:
    hub = a_hub()
    config = OutboxConfig(sinks=(to_stream(redis_server.port, "session.*", "state.*"),))
    async with open_outbox(config, storage, hub, hub.clock) as parts, Supervisor() as supervisor:
        for name, work in parts.tasks():
            supervisor.start(name, work)
        add_gauges(hub, parts.measured())
        await leave(
            storage,
            parts.outbox,
            ("sessions:#ann", {"type": "session.created", "sid": "s1"}),
            ("sessions:#ann", {"type": "device.online", "sid": "s1"}),
            ("state:cart#ann", {"version": 1}),
            ("state:cart#ann", {"version": 2}),
        )

        async def length() -> Any:
            return await redis_server.execute("XLEN", STREAM)

        await eventually(lambda: _is(length, 3))
        entries = await redis_server.execute("XRANGE", STREAM, "-", "+")
        events = [_fields(fields) for _, fields in entries]
        by_kind = {kind: [event for event in events if event["ce-type"] == kind] for kind in _kinds(events)}
        assert sorted(by_kind) == ["session.created", "state.changed"]
        assert [json.loads(event["payload"])["version"] for event in by_kind["state.changed"]] == [1, 2]
        [created] = by_kind["session.created"]
        assert (created["ce-specversion"], created["ce-subject"]) == ("1.0", "sessions:#ann")
        assert hub.measures()["sink_published.log"] == 3
        assert hub.measures()["outbox_published"] == 4, "subscribers get theirs as ever"


async def test_an_exchange_gets_events_by_their_kind(
    storage: Storage, rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    hub, exchange, queue = a_hub(), rabbitmq_names("events"), rabbitmq_names("sessions")
    target = RabbitTargetConfig(connection=RabbitConnectionConfig(urls=(rabbitmq.url,)), exchange=exchange)
    sink = SinkConfig(name="audit", target=target, events=("session.*",))
    async with sender_at(rabbitmq.url) as sender:
        await sender.channel.exchange_declare(exchange, exchange_type="topic", durable=True)
        await sender.channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
        await sender.channel.queue_bind(queue, exchange, "session.*")
        async with open_outbox(OutboxConfig(sinks=(sink,)), storage, hub, hub.clock) as parts, Supervisor() as tasks:
            for name, work in parts.tasks():
                tasks.start(name, work)
            for number in range(20):
                await leave(storage, parts.outbox, ("sessions:#ann", {"type": "session.updated", "n": number}))
            await eventually(lambda: parts.outbox.measures()["sink_published.audit"] == 20)
            assert [health.name for health in parts.health()] == ["sink.audit"]
        bodies = [json.loads(message.body)["n"] for _ in range(20) if (message := await sender.get(queue))]
        assert bodies == list(range(20))
        await sender.channel.queue_delete(queue)


async def test_a_sink_that_is_away_holds_up_neither_subscribers_nor_other_sinks(
    storage: Storage, redis_server: RedisServer
) -> None:
    hub = a_hub()
    away = to_stream(free_port(), "*")
    sinks = (to_stream(redis_server.port, "*"), SinkConfig(name="away", target=away.target, events=("*",)))
    async with open_outbox(OutboxConfig(sinks=sinks), storage, hub, hub.clock) as parts, Supervisor() as supervisor:
        for name, work in parts.tasks():
            supervisor.start(name, work)
        await leave(storage, parts.outbox, *[("state:cart#ann", {"version": number}) for number in range(50)])
        measures = parts.outbox.measures
        await eventually(lambda: measures()["outbox_published"] == measures()["sink_published.log"] == 50)
        await eventually(lambda: measures()["sink_failures.away"])
        assert measures()["sink_published.away"] == 0


async def test_what_a_sink_missed_waits_for_it_in_the_outbox(storage: Storage, redis_server: RedisServer) -> None:
    hub = a_hub()
    away = OutboxConfig(sinks=(to_stream(free_port(), "*"),))
    async with open_outbox(away, storage, hub, hub.clock) as parts, Supervisor() as supervisor:
        for name, work in parts.tasks():
            supervisor.start(name, work)
        await leave(storage, parts.outbox, *[("state:cart#ann", {"version": number}) for number in range(10)])
        await eventually(lambda: parts.outbox.measures()["sink_failures.log"])

    hub = a_hub()
    back = OutboxConfig(sinks=(to_stream(redis_server.port, "*"),))
    async with open_outbox(back, storage, hub, hub.clock) as parts, Supervisor() as supervisor:
        for name, work in parts.tasks():
            supervisor.start(name, work)
        await eventually(lambda: parts.outbox.measures()["sink_published.log"] == 10)
        entries = await redis_server.execute("XRANGE", STREAM, "-", "+")
        assert [json.loads(_fields(fields)["payload"])["version"] for _, fields in entries] == list(range(10))


async def test_without_sinks_the_hub_is_not_observed(storage: Storage) -> None:
    hub = a_hub()
    async with open_outbox(OutboxConfig(), storage, hub, hub.clock) as parts:
        assert hub.observer is None
        assert parts.client_events is None


@pytest.mark.parametrize("extra", ["rabbitmq", "redis"])
async def test_a_missing_extra_is_named(storage: Storage, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        __import__("sys").modules, f"hub.relay.sinks.{'rabbitmq' if extra == 'rabbitmq' else 'redis_stream'}", None
    )
    target: Any = RabbitTargetConfig(connection=RabbitConnectionConfig(urls=("amqp://x",)), exchange="e")
    sink = to_stream(1, "*") if extra == "redis" else SinkConfig(name="log", target=target, events=("*",))
    hub = a_hub()
    with pytest.raises(CannotOpen, match=rf"syncline\[{extra}\]"):
        async with open_outbox(OutboxConfig(sinks=(sink,)), storage, hub, hub.clock):
            pass


async def _is(ask: Any, expected: object) -> bool:
    return bool(await ask() == expected)


def _kinds(events: list[dict[str, str]]) -> set[str]:
    return {event["ce-type"] for event in events}


def _fields(fields: Any) -> dict[str, str]:
    pairs = fields.items() if isinstance(fields, dict) else zip(fields[::2], fields[1::2], strict=True)
    return {_text(name): _text(value) for name, value in pairs}


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
