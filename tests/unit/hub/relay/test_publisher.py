"""The publisher: in order per channel, whatever the engine does, and nobody held up by what cannot be published."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.config import ChannelConfig, ChannelOptions, HubConfig
from hub.engine import HistoryQuery
from hub.engines.memory import MemoryEngine
from hub.errors import EngineUnavailable
from hub.hub import Hub
from hub.relay import publisher as module
from hub.relay.carrier import HubCarrier
from hub.relay.entries import OutboxEntry
from hub.relay.pauses import LONGEST_PAUSE_S
from hub.relay.publisher import Publisher
from hub.supervisor import Supervisor
from tests.unit.hub.virtual_time import idle, pass_time, run_in_virtual_time, virtual_loop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from hub.clock import Clock
    from hub.engine import PublishOptions, PublishOutcome
    from hub.protocol.messages import Publication

Fate = Literal["accept", "refuse to answer", "lose the answer"]

LOGGED = ChannelOptions(history_size=1_000, history_ttl_s=3_600)


class MoodyEngine(MemoryEngine):
    """Does to each publication what `fates` say, in turn, and accepts the rest."""

    def __init__(self, clock: Clock, fates: Iterable[Fate] = ()) -> None:
        super().__init__(clock)
        self.fates = deque(fates)
        self.is_down = False
        self.fault: Exception | None = None
        self.attempts = 0

    async def publish(self, channel: str, publication: Publication, options: PublishOptions) -> PublishOutcome:
        self.attempts += 1
        fate = self.fates.popleft() if self.fates else "accept"
        await asyncio.sleep(0)
        if self.is_down or fate == "refuse to answer":
            raise EngineUnavailable("down")
        if self.fault is not None and channel == "stream:bad":
            raise self.fault
        outcome = await super().publish(channel, publication, options)
        if fate == "lose the answer":
            raise EngineUnavailable("after it was done")
        return outcome


class Relay:
    """A publisher on a hub of its own."""

    def __init__(self, fates: Iterable[Fate] = ()) -> None:
        clock = virtual_loop().clock
        self.engine = MoodyEngine(clock, fates)
        hub = Hub(HubConfig(channel=ChannelConfig(namespaces={"stream": LOGGED})), self.engine, clock)
        self.publisher = Publisher(HubCarrier(hub), hub.jitter)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Publisher]:
        async with Supervisor() as supervisor:
            supervisor.start("publisher", self.publisher.run())
            yield self.publisher

    async def published(self, channel: str) -> list[str]:
        history = await self.engine.history(channel, HistoryQuery(limit=-1))
        return [bytes(publication.data).decode() for publication in history.publications]  # type: ignore[arg-type]  # it has data


def entry(number: int, channel: str = "stream:1") -> OutboxEntry:
    return OutboxEntry(f"id-{number:06}", channel, str(number).encode())


async def test_entries_are_published_in_order_and_reported() -> None:
    relay = Relay()
    async with relay.running() as publisher:
        for number in range(1_200):
            publisher.add(entry(number, f"stream:{number % 40}"))
        await idle()

        assert sorted(publisher.done) == [f"id-{number:06}" for number in range(1_200)]
        assert await relay.published("stream:7") == [str(number) for number in range(7, 1_200, 40)]
        assert publisher.num_waiting == 0


FATES = st.lists(st.sampled_from(["accept", "refuse to answer", "lose the answer"]), max_size=40)


@given(FATES, st.lists(st.integers(0, 4), min_size=1, max_size=40))
def test_each_is_published_once_in_order_whatever_the_engine_does(fates: list[Fate], channels: list[int]) -> None:
    async def run() -> None:
        relay = Relay(fates)
        async with relay.running() as publisher:
            for number, channel in enumerate(channels):
                publisher.add(entry(number, f"stream:{channel}"))
            await pass_time(3 * len(fates) + 1)

            for channel in set(channels):
                expected = [str(number) for number, its in enumerate(channels) if its == channel]
                assert await relay.published(f"stream:{channel}") == expected
            assert sorted(publisher.done) == [f"id-{number:06}" for number in range(len(channels))]

    run_in_virtual_time(run())


async def test_a_silent_engine_is_asked_ever_more_rarely_and_loses_nothing() -> None:
    relay = Relay()
    relay.engine.is_down = True
    async with relay.running() as publisher:
        for number in range(100):
            publisher.add(entry(number, f"stream:{number}"))
        await pass_time(60)

        assert publisher.is_stalled
        assert relay.engine.attempts < 60 * module.LANES, "one attempt per lane, every second or two"
        assert publisher.num_waiting == 100
        relay.engine.is_down = False
        await pass_time(LONGEST_PAUSE_S)
        assert len(publisher.done) == 100
        assert not publisher.is_stalled


async def test_what_the_hub_refuses_does_not_hold_up_the_others() -> None:
    relay = Relay()
    async with relay.running() as publisher:
        for number, channel in enumerate(["stream:1", "unknown:1", "stream:1", ""]):
            publisher.add(entry(number, channel))
        await idle()

        assert publisher.done == ["id-000000", "id-000002"]
        assert sorted(publisher.refused) == ["id-000001", "id-000003"]
        assert publisher.num_refused == 2


async def test_what_makes_us_fail_is_tried_again_and_then_refused(caplog: pytest.LogCaptureFixture) -> None:
    relay = Relay()
    relay.engine.fault = ZeroDivisionError("planted")
    async with relay.running() as publisher:
        publisher.add(entry(0, "stream:bad"))
        publisher.add(entry(1, "stream:1"))
        await pass_time(10)

        assert publisher.refused == ["id-000000"]
        assert publisher.done == ["id-000001"]
        assert sum("outbox_publish_failed" in record.message for record in caplog.records) == module.MAX_FAULTS


async def test_a_fault_that_passes_is_forgiven() -> None:
    relay = Relay()
    relay.engine.fault = ZeroDivisionError("planted")
    async with relay.running() as publisher:
        publisher.add(entry(0, "stream:bad"))
        await idle()
        relay.engine.fault = None
        await pass_time(10)

        assert (publisher.done, publisher.refused) == (["id-000000"], [])


async def test_its_memory_is_bounded_by_number_and_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 10)
    relay = Relay()
    publisher = relay.publisher
    for number in range(10):
        assert not publisher.is_full
        assert publisher.has_room == (number < 5)
        publisher.add(entry(number))
    assert publisher.is_full

    async with relay.running():
        await idle()
        assert publisher.num_waiting == 0

    monkeypatch.setattr(module, "MAX_WAITING_BYTES", 2_000)
    publisher.add(OutboxEntry("big", "stream:1", b'"' + b"x" * 2_000 + b'"'))
    assert publisher.is_full
