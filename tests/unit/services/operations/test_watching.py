"""Leases: what is watched anywhere, as far as this node has heard."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from msgspec import Raw

from hub.commands.rpc import RPCCall
from hub.errors import ReplyError
from hub.hub import Hub
from services.accounts.permissions import Action
from services.operations.questions import WATCHED
from services.operations.watching import LEASE_S, METHOD, Watching
from sessions.principal import Principal
from tests.support.clock import FakeClock
from tests.support.tracer import RecordingTracer


@pytest.fixture
async def watching(hub: Hub) -> Watching:
    watching = Watching(hub)
    watching.serve()
    return watching


async def hear(hub: Hub, *topics: str) -> None:
    """What another node says."""
    responder = hub.survey._responders[WATCHED]
    assert [chunk async for chunk in responder(Raw(msgspec.json.encode(topics)))] == []


async def test_word_of_another_node_holds_for_a_while(hub: Hub, watching: Watching, clock: FakeClock) -> None:
    assert watching.topics() == set()
    await hear(hub, "logs", "traces")
    clock.advance(LEASE_S - 1)
    assert watching.topics() == {"logs", "traces"}
    await hear(hub, "logs")
    clock.advance(1)
    assert watching.topics() == {"logs"}
    clock.advance(LEASE_S)
    assert watching.topics() == set()


async def test_what_a_newer_node_may_name_is_passed_over(hub: Hub, watching: Watching) -> None:
    await hear(hub, "logs", "heat")
    assert watching.topics() == {"logs"}


async def test_the_feed_sleeps_until_somebody_watches(hub: Hub, watching: Watching) -> None:
    waiting = asyncio.create_task(watching.began())
    await asyncio.sleep(0)
    assert not waiting.done()
    await hear(hub, "heat")
    await asyncio.sleep(0)
    assert not waiting.done()
    await hear(hub, "logs")
    await waiting


async def test_no_watchers_tell_nothing(watching: Watching) -> None:
    await watching.renew()
    assert watching.topics() == set()
    assert (watching.num_watchers, watching.num_untold) == (0, 0)


async def test_who_looks_at_traces_makes_none(hub: Hub, watching: Watching) -> None:
    async def authorise(principal: Principal, action: Action) -> None:
        raise AssertionError(f"{principal} has no session: {action}")

    tracer = hub.tracer = RecordingTracer()
    watching.register(authorise)
    with pytest.raises(ReplyError):
        await hub.rpc.call(RPCCall(METHOD, Raw(b'{"topics":[]}'), None))
    assert (tracer.spans, tracer.num_asked) == ([], 0)
