"""What every engine promises about publishing several at once (hub/engine.py)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

import pytest

from hub.engine import PublishOutcome
from hub.protocol.messages import StreamPosition
from tests.contract.engine_calls import ALL, LOGGED, UNLOGGED, kept_offsets, numbered, position_of, publish

if TYPE_CHECKING:
    from hub.engine import Engine, PublishOptions
    from hub.protocol.messages import Publication
    from tests.support.recording_listener import RecordingListener

DEEP = replace(LOGGED, history_size=1_000)


async def publish_numbers(
    engine: Engine, channel: str, numbers: range, options: PublishOptions = DEEP
) -> list[PublishOutcome]:
    return await engine.publish_many(channel, [(numbered(number), options) for number in numbers])


def numbers_heard(listener: RecordingListener) -> list[int]:
    return [int(bytes(delivery.publication.data or b"")) for delivery in listener.publications]


async def numbers_kept(engine: Engine, channel: str) -> list[int]:
    return [int(bytes(kept.data or b"")) for kept in (await engine.history(channel, ALL)).publications]


class TestPublishMany:
    @pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 300])
    async def test_is_publishing_each_in_this_order(
        self, engine: Engine, listener: RecordingListener, count: int
    ) -> None:
        await engine.subscribe("news")
        outcomes = await publish_numbers(engine, "news", range(count))
        epoch = position_of(outcomes[0]).epoch
        assert outcomes == [PublishOutcome(StreamPosition(offset, epoch)) for offset in range(1, count + 1)]
        assert await numbers_kept(engine, "news") == list(range(count))
        await listener.until(lambda heard: len(heard.publications) >= count)
        assert numbers_heard(listener) == list(range(count))
        assert [delivery.position for delivery in listener.publications] == [outcome.position for outcome in outcomes]

    async def test_of_nothing_publishes_nothing(self, engine: Engine) -> None:
        assert await engine.publish_many("news", []) == []
        assert await kept_offsets(engine, "news") == []

    async def test_keys_and_versions_count_for_each(self, engine: Engine) -> None:
        keyed = replace(DEEP, idempotency_key="once")
        outcomes = await engine.publish_many(
            "news",
            [
                (numbered(1), keyed),
                (numbered(2), keyed),
                (numbered(3), replace(DEEP, version=5)),
                (numbered(4), replace(DEEP, version=4)),
                (numbered(5), replace(DEEP, version=6)),
            ],
        )
        assert [outcome.is_suppressed for outcome in outcomes] == [False, True, False, True, False]
        assert [position_of(outcome).offset for outcome in outcomes] == [1, 1, 2, 2, 3]
        assert await numbers_kept(engine, "news") == [1, 3, 5]

    async def test_repeated_with_the_same_keys_adds_only_what_is_new(self, engine: Engine) -> None:
        def entry(number: int) -> tuple[Publication, PublishOptions]:
            return numbered(number), replace(DEEP, idempotency_key=f"key-{number}")

        first = await engine.publish_many("news", [entry(number) for number in range(70)])
        again = await engine.publish_many("news", [entry(number) for number in range(140)])
        assert [outcome.position for outcome in again[:70]] == [outcome.position for outcome in first]
        assert all(outcome.is_suppressed for outcome in again[:70])
        assert await numbers_kept(engine, "news") == list(range(140))

    async def test_kept_and_unkept_ones_keep_their_order(self, engine: Engine, listener: RecordingListener) -> None:
        await engine.subscribe("news")
        options = [DEEP, UNLOGGED, DEEP, UNLOGGED]
        outcomes = await engine.publish_many("news", [(numbered(n), how) for n, how in enumerate(options)])
        assert [outcome.position is None for outcome in outcomes] == [False, True, False, True]
        await listener.until(lambda heard: len(heard.publications) >= 4)
        assert numbers_heard(listener) == [0, 1, 2, 3]

    async def test_lets_single_ones_in_between_but_loses_no_offset(self, engine: Engine) -> None:
        batches, singles = await asyncio.gather(
            asyncio.gather(*(publish_numbers(engine, "news", range(100)) for _ in range(3))),
            asyncio.gather(*(publish(engine, "news", DEEP, 1) for _ in range(20))),
        )
        of_batches = [[position_of(outcome).offset for outcome in batch] for batch in batches]
        assert all(offsets == sorted(offsets) for offsets in of_batches)
        everything = [*chain.from_iterable(of_batches), *(position_of(outcome).offset for outcome in singles)]
        assert sorted(everything) == list(range(1, 321))
