"""Which engine a node gets, and what it says when it cannot have it."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from api.config import EdgeConfig
from composition import engine as opening
from composition.config import NodeConfig
from composition.engine import CannotOpenEngine, open_engine
from hub.clock import SystemClock
from hub.config import HubConfig
from hub.engine import NodeInfo, PublishOptions
from hub.engines.memory import MemoryEngine
from hub.engines.redis.config import Address, RedisConfig
from hub.protocol.messages import Publication
from storage.data_directory import open_data_directory
from tests.support.patience import eventually
from tests.support.ports import free_port
from tests.support.recording_listener import RecordingListener
from tests.support.redis import RedisServer

if TYPE_CHECKING:
    from pathlib import Path

IN_PROCESS = NodeConfig(hub=HubConfig(), edge=EdgeConfig())


def in_redis(port: int, **options: object) -> NodeConfig:
    redis = RedisConfig(addresses=(Address("127.0.0.1", port),), prefix="test-opening")
    return replace(IN_PROCESS, redis=replace(redis, **options))  # type: ignore[arg-type]  # options of RedisConfig


async def test_without_redis_everything_is_in_the_process_and_handed_over(tmp_path: Path) -> None:
    for expected in (1, 2):
        async with (
            open_data_directory(tmp_path, 1) as directory,
            open_engine(IN_PROCESS, SystemClock(), directory, "me") as opened,
        ):
            opened.engine.bind(RecordingListener())
            options = PublishOptions(history_size=10, history_ttl_s=60)
            outcome = await opened.engine.publish("news", Publication(), options)
            assert outcome.position is not None
            assert outcome.position.offset == expected
            assert (opened.lapse_after_s, opened.age_s()) == (0, 0)
            assert isinstance(opened.engine, MemoryEngine)
            await opened.leave()


async def test_in_redis_a_node_has_a_lease_that_it_gives_back(redis_server: RedisServer) -> None:
    async with open_engine(in_redis(redis_server.port), SystemClock(), None, "me") as opened:
        opened.engine.bind(RecordingListener())
        running = [asyncio.create_task(work) for _, work in opened.tasks()]
        try:
            await opened.ready()
            assert opened.lapse_after_s > 0
            await eventually(lambda: opened.age_s() < 5)
            await opened.engine.announce(NodeInfo("me", "me"))
            assert [node.uid for node in await opened.engine.nodes()] == ["me"]
            await opened.leave()
            assert await opened.engine.nodes() == []
            assert all(isinstance(value, int | float) for value in opened.measures().values())
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


async def test_a_redis_that_comes_late_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "START_POLL_S", 0.01)
    server = RedisServer(tmp_path)
    async with AsyncExitStack() as stack:
        opened = open_engine(in_redis(server.port), SystemClock(), None, "me")
        entering = asyncio.ensure_future(stack.enter_async_context(opened))
        await asyncio.sleep(0)
        assert not entering.done()
        server.start()
        stack.callback(server.stop)
        assert (await entering).lapse_after_s


async def test_a_redis_that_does_not_come_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "START_DEADLINE_S", 0)
    port = free_port()
    with pytest.raises(CannotOpenEngine, match=f"engine.redis: Redis at 127.0.0.1:{port}"):
        async with open_engine(in_redis(port), SystemClock(), None, "me"):
            pass


async def test_a_wrong_password_is_told_and_not_shown(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "START_DEADLINE_S", 0)
    with pytest.raises(CannotOpenEngine) as refused:
        async with open_engine(in_redis(redis_server.port, password="never-shown"), SystemClock(), None, "me"):
            pass
    assert "never-shown" not in str(refused.value)
    assert f"127.0.0.1:{redis_server.port}" in str(refused.value)


async def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("hub.engines.redis.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "hiredis", None)
    with pytest.raises(CannotOpenEngine, match=r"engine.type is redis.*syncline\[redis\]"):
        async with open_engine(in_redis(1), SystemClock(), None, "me"):
            pass
