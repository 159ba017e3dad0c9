"""The intake: verdicts per message, order per channel, nothing accepted that the engine has not."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from hub.config import ChannelConfig, ChannelOptions, HubConfig
from hub.engine import HistoryQuery
from hub.engines.memory import MemoryEngine
from hub.errors import EngineUnavailable
from hub.hub import Hub
from hub.relay.delivery import Delivery
from hub.relay.intake import MAX_FAULTS, Intake
from tests.unit.hub.virtual_time import idle, pass_time, run_in_virtual_time, virtual_loop

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hub.engine import PublishOptions, PublishOutcome
    from hub.protocol.messages import Publication

LOGGED = ChannelOptions(history_size=1_000, history_ttl_s=3_600)
NAMESPACES = {"stream": LOGGED, "objects": replace(LOGGED, publication_data_format="json_object")}


class StumblingEngine(MemoryEngine):
    """Publishes as many of a call's entries as `prefixes` say, then gives no answer; when they are used up, all."""

    def __init__(self, prefixes: Iterable[int] = ()) -> None:
        super().__init__(virtual_loop().clock)
        self.prefixes = list(prefixes)
        self.is_down = False
        self.poison: bytes | None = None
        self.calls: list[tuple[str, int]] = []
        self.ttls_s: list[float] = []
        self.num_running = self.most_running = 0

    async def publish_many(
        self, channel: str, entries: Sequence[tuple[Publication, PublishOptions]]
    ) -> list[PublishOutcome]:
        self.calls.append((channel, len(entries)))
        self.ttls_s += [options.idempotency_ttl_s for _, options in entries]
        self.num_running += 1
        self.most_running = max(self.most_running, self.num_running)
        try:
            await asyncio.sleep(0)
            return await self._publish(channel, entries)
        finally:
            self.num_running -= 1

    async def _publish(
        self, channel: str, entries: Sequence[tuple[Publication, PublishOptions]]
    ) -> list[PublishOutcome]:
        if self.is_down:
            raise EngineUnavailable("down")
        if any(publication.data == Raw(self.poison or b"") for publication, _ in entries):
            raise RuntimeError("our own code failed")
        if self.prefixes:
            await super().publish_many(channel, entries[: self.prefixes.pop(0)])
            raise EngineUnavailable("after some of it was done")
        return await super().publish_many(channel, entries)


class World:
    """An intake on a hub of its own."""

    def __init__(self, prefixes: Iterable[int] = ()) -> None:
        self.engine = StumblingEngine(prefixes)
        config = HubConfig(channel=ChannelConfig(namespaces=NAMESPACES))
        self.hub = Hub(config, self.engine, virtual_loop().clock)
        self.intake = Intake(self.hub)

    async def published(self, channel: str) -> list[str]:
        history = await self.engine.history(channel, HistoryQuery(limit=-1))
        return [bytes(publication.data).decode() for publication in history.publications]  # type: ignore[arg-type]  # it has data


def delivery(number: int, channel: str = "stream:1") -> Delivery:
    return Delivery(channel, Raw(str(number).encode()), idempotency_key=f"key-{number}")


async def test_a_batch_is_published_in_order_per_channel() -> None:
    world = World()
    batch = [[delivery(number, f"stream:{number % 3}")] for number in range(10)]
    assert await world.intake.accept(batch) == [None] * 10
    assert await world.published("stream:1") == ["1", "4", "7"]
    assert sorted(world.engine.calls) == [("stream:0", 4), ("stream:1", 3), ("stream:2", 3)]


async def test_channels_do_not_wait_for_each_other() -> None:
    world = World()
    await world.intake.accept([[delivery(number, f"stream:{number}")] for number in range(10)])
    assert world.engine.most_running == 10


async def test_a_batch_of_many_channels_publishes_all_of_them() -> None:
    world = World()
    await world.intake.accept([[delivery(number, f"stream:{number % 200}")] for number in range(400)])
    assert [await world.published(f"stream:{number}") for number in (0, 199)] == [["0", "200"], ["199", "399"]]


async def test_one_message_may_have_several_deliveries_or_none() -> None:
    world = World()
    assert await world.intake.accept([[delivery(1), delivery(1, "stream:2")], []]) == [None, None]
    assert (await world.published("stream:1"), await world.published("stream:2")) == (["1"], ["1"])
    assert (world.intake.num_accepted, world.intake.num_deliveries) == (2, 2)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (Delivery("nowhere:1", Raw(b"1")), "unknown_namespace"),
        (Delivery("", Raw(b"1")), "bad_channel"),
        (Delivery("objects:1", Raw(b"1")), "refused"),
    ],
)
async def test_a_message_with_a_bad_delivery_publishes_nothing_and_keeps_no_other_from_it(
    bad: Delivery, reason: str
) -> None:
    world = World()
    first, second, third = await world.intake.accept([[delivery(1)], [delivery(2), bad], [delivery(3)]])
    assert (first, third) == (None, None)
    assert second is not None
    assert (second.reason, bad.channel in second.detail) == (reason, True)
    assert await world.published("stream:1") == ["1", "3"]
    assert world.intake.measures()[f"relay_rejected.{reason}"] == 1


async def test_an_engine_without_answer_fails_the_whole_batch() -> None:
    world = World()
    world.engine.is_down = True
    with pytest.raises(EngineUnavailable):
        await world.intake.accept([[delivery(1)], [delivery(2, "stream:2")]])
    assert world.intake.measures()["relay_is_stalled"] == 1
    assert world.intake.num_accepted == 0


async def test_patience_outlasts_an_outage() -> None:
    world = World()
    world.engine.is_down = True
    async with asyncio.TaskGroup() as group:
        accepting = group.create_task(world.intake.accept_patiently([[delivery(1)]]))
        await pass_time(60)
        assert not accepting.done()
        assert 30 <= world.intake.num_retries <= 90  # every 1 to 2 s once it has slowed down
        world.engine.is_down = False
        await pass_time(2)
        assert await accepting == [None]
    assert await world.published("stream:1") == ["1"]
    assert world.intake.measures()["relay_is_stalled"] == 0


async def test_patience_can_be_cancelled() -> None:
    world = World()
    world.engine.is_down = True
    async with asyncio.TaskGroup() as group:
        accepting = group.create_task(world.intake.accept_patiently([[delivery(1)]]))
        await idle()
        accepting.cancel()
    assert accepting.cancelled()


async def test_what_makes_our_own_code_fail_is_rejected_alone_after_some_attempts() -> None:
    world = World()
    world.engine.poison = b"2"
    async with asyncio.TaskGroup() as group:
        batch = [[delivery(number)] for number in (1, 2, 3)]
        accepting = group.create_task(world.intake.accept_patiently(batch))
        await pass_time(10)
    first, second, third = accepting.result()
    assert (first, third) == (None, None)
    assert second is not None
    assert second.reason == "fault"
    assert world.intake.num_retries == MAX_FAULTS
    assert await world.published("stream:1") == ["1", "3"]


async def test_the_key_is_remembered_for_as_long_as_the_delivery_says() -> None:
    world = World()
    await world.intake.accept([[Delivery("stream:1", Raw(b"1"), idempotency_key="a", idempotency_ttl_s=3_600)]])
    await world.intake.accept([[Delivery("stream:1", Raw(b"1"), idempotency_key="b")]])
    assert world.engine.ttls_s == [3_600, 300]


@given(
    st.lists(st.integers(0, 3), max_size=12),
    st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=3), min_size=1, max_size=12),
)
def test_each_is_published_once_in_order_wherever_the_engine_stumbles(
    prefixes: list[int], messages: list[list[int]]
) -> None:
    async def run() -> None:
        world = World(prefixes)
        batch = [
            [delivery(number, f"stream:{its}") for its in set(channels)] for number, channels in enumerate(messages)
        ]
        async with asyncio.TaskGroup() as group:
            accepting = group.create_task(world.intake.accept_patiently(batch))
            await pass_time(3 * len(prefixes) + 1)
        assert accepting.result() == [None] * len(messages)
        for channel in range(3):
            expected = [str(number) for number, its in enumerate(messages) if channel in its]
            assert await world.published(f"stream:{channel}") == expected

    run_in_virtual_time(run())
