"""What every engine promises about history (hub/engine.py). Nothing here may know which engine it talks to.

TTLs are whole seconds, and what must still be there is looked at a second before its time: some engines really wait.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from msgspec import UNSET, Raw

from hub.engine import HistoryQuery
from hub.protocol.messages import ClientInfo, Publication, StreamPosition
from tests.contract.engine_calls import (
    ALL,
    LOGGED,
    UNLOGGED,
    copy_of,
    kept_offsets,
    offsets_of,
    position_of,
    publish,
    publish_many,
)

if TYPE_CHECKING:
    from hub.engine import Engine
    from tests.contract.engine_calls import Advance
    from tests.support.recording_listener import RecordingListener


class TestHistory:
    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            (HistoryQuery(limit=0), []),
            (HistoryQuery(limit=-1), [3, 4, 5, 6]),
            (HistoryQuery(limit=1), [3]),
            (HistoryQuery(limit=3), [3, 4, 5]),
            (HistoryQuery(limit=4), [3, 4, 5, 6]),
            (HistoryQuery(limit=99), [3, 4, 5, 6]),
            (HistoryQuery(limit=0, since=StreamPosition(4)), []),
            (HistoryQuery(limit=-1, since=StreamPosition(0)), [3, 4, 5, 6]),
            (HistoryQuery(limit=-1, since=StreamPosition(2)), [3, 4, 5, 6]),
            (HistoryQuery(limit=-1, since=StreamPosition(3)), [4, 5, 6]),
            (HistoryQuery(limit=1, since=StreamPosition(3)), [4]),
            (HistoryQuery(limit=2, since=StreamPosition(1)), [3, 4]),
            (HistoryQuery(limit=2, since=StreamPosition(5)), [6]),
            (HistoryQuery(limit=-1, since=StreamPosition(6)), []),
            (HistoryQuery(limit=-1, since=StreamPosition(7)), []),
            (HistoryQuery(limit=5, since=StreamPosition(2**63)), []),
            (HistoryQuery(limit=0, reverse=True), []),
            (HistoryQuery(limit=-1, reverse=True), [6, 5, 4, 3]),
            (HistoryQuery(limit=1, reverse=True), [6]),
            (HistoryQuery(limit=3, reverse=True), [6, 5, 4]),
            (HistoryQuery(limit=99, reverse=True), [6, 5, 4, 3]),
            (HistoryQuery(limit=-1, since=StreamPosition(5), reverse=True), [4, 3]),
            (HistoryQuery(limit=1, since=StreamPosition(5), reverse=True), [4]),
            (HistoryQuery(limit=2, since=StreamPosition(6), reverse=True), [5, 4]),
            (HistoryQuery(limit=-1, since=StreamPosition(3), reverse=True), []),
            (HistoryQuery(limit=-1, since=StreamPosition(1), reverse=True), []),
            (HistoryQuery(limit=-1, since=StreamPosition(0), reverse=True), []),
            (HistoryQuery(limit=2, since=StreamPosition(99), reverse=True), [6, 5]),
        ],
    )
    async def test_answers_a_query(self, engine: Engine, query: HistoryQuery, expected: list[int]) -> None:
        top = await publish_many(engine, "news", 6, replace(LOGGED, history_size=4))
        history = await engine.history("news", query)
        assert offsets_of(history.publications) == expected
        assert history.position == top

    async def test_does_not_compare_the_epoch_of_since(self, engine: Engine) -> None:
        top = await publish_many(engine, "news", 3)
        history = await engine.history("news", HistoryQuery(limit=-1, since=StreamPosition(1, "elsewhere")))
        assert offsets_of(history.publications) == [2, 3]
        assert history.position == top

    async def test_of_a_channel_never_published_to_is_empty_and_its_epoch_stays(self, engine: Engine) -> None:
        first = await engine.history("news", ALL)
        assert first.publications == []
        assert await engine.history("news", ALL) == first

    async def test_is_trimmed_to_the_size_of_the_last_publication(self, engine: Engine) -> None:
        await publish_many(engine, "news", 6, replace(LOGGED, history_size=5))
        assert await kept_offsets(engine, "news") == [2, 3, 4, 5, 6]
        await publish(engine, "news", replace(LOGGED, history_size=2))
        assert await kept_offsets(engine, "news") == [6, 7]
        await publish(engine, "news", replace(LOGGED, history_size=3))
        assert await kept_offsets(engine, "news") == [6, 7, 8]

    async def test_is_the_callers_own_list(self, engine: Engine) -> None:
        await publish_many(engine, "news", 2)
        (await engine.history("news", ALL)).publications.clear()
        assert await kept_offsets(engine, "news") == [1, 2]

    async def test_keeps_publications_byte_for_byte(self, engine: Engine, listener: RecordingListener) -> None:
        data = '{"text": "é \\u0041 \\n \U0001f40d", "number": 1.0e3, "spaces" :[ ],"text": null}'.encode()
        info = ClientInfo("ann", "client-1", Raw(b'{"name": "Ann"}'), Raw(b"[1,  2]"))
        tags = {"trace": "00-ab", "empty": "", "ünicode": "\x00\x1f\U0001f40d"}
        await engine.subscribe("news")
        for options in (LOGGED, UNLOGGED):
            await engine.publish("news", Publication(Raw(data), copy_of(info), 0, dict(tags)), options)
        await listener.until(lambda heard: len(heard.publications) == 2)
        expected = Publication(Raw(data), info, 1, tags)
        assert (await engine.history("news", ALL)).publications == [expected]
        assert [delivery.publication for delivery in listener.publications] == [
            expected,
            Publication(Raw(data), info, 0, tags),
        ]

    async def test_adds_nothing_to_a_publication(self, engine: Engine) -> None:
        await engine.publish("news", Publication(Raw(b'""'), ClientInfo("", "")), LOGGED)
        (kept,) = (await engine.history("news", ALL)).publications
        assert kept == Publication(Raw(b'""'), ClientInfo("", "", UNSET, UNSET), 1, UNSET)


class TestHistoryLifetime:
    async def test_publications_go_after_the_ttl_and_the_position_stays(self, engine: Engine, advance: Advance) -> None:
        top = await publish_many(engine, "news", 3, replace(LOGGED, history_ttl_s=2))
        await advance(1)
        assert await kept_offsets(engine, "news") == [1, 2, 3]
        await advance(1)
        history = await engine.history("news", ALL)
        assert (history.publications, history.position) == ([], top)
        assert position_of(await publish(engine, "news")) == StreamPosition(4, top.epoch)
        assert await kept_offsets(engine, "news") == [4]

    async def test_what_expired_does_not_come_back_with_the_next_publication(
        self, engine: Engine, advance: Advance
    ) -> None:
        options = replace(LOGGED, history_ttl_s=1)
        await publish_many(engine, "news", 3, options)
        await advance(1)
        await publish(engine, "news", options)
        assert await kept_offsets(engine, "news") == [4]

    async def test_the_ttl_counts_from_the_last_publication(self, engine: Engine, advance: Advance) -> None:
        options = replace(LOGGED, history_ttl_s=2)
        await publish(engine, "news", options)
        await advance(1)
        await publish(engine, "news", options)
        await advance(1)
        assert await kept_offsets(engine, "news") == [1, 2]
        await advance(1)
        assert await kept_offsets(engine, "news") == []

    async def test_the_ttl_of_the_last_publication_holds(self, engine: Engine, advance: Advance) -> None:
        await publish(engine, "news", replace(LOGGED, history_ttl_s=300))
        await publish(engine, "news", replace(LOGGED, history_ttl_s=1))
        await advance(1)
        assert await kept_offsets(engine, "news") == []

    async def test_reading_does_not_prolong_the_ttl(self, engine: Engine, advance: Advance) -> None:
        await publish(engine, "news", replace(LOGGED, history_ttl_s=2))
        await advance(1)
        assert await kept_offsets(engine, "news") == [1]
        await advance(1)
        assert await kept_offsets(engine, "news") == []

    async def test_after_the_meta_ttl_a_new_epoch_starts_from_zero(self, engine: Engine, advance: Advance) -> None:
        options = replace(LOGGED, history_ttl_s=1, history_meta_ttl_s=2)
        old = await publish_many(engine, "news", 3, options)
        await advance(2)
        history = await engine.history("news", ALL)
        assert (history.publications, history.position.offset) == ([], 0)
        assert history.position.epoch not in ("", old.epoch)

    async def test_after_the_meta_ttl_publishing_starts_a_new_epoch(self, engine: Engine, advance: Advance) -> None:
        options = replace(LOGGED, history_ttl_s=1, history_meta_ttl_s=2)
        old = await publish_many(engine, "news", 3, options)
        await advance(2)
        new = position_of(await publish(engine, "news", options))
        assert new.offset == 1
        assert new.epoch not in ("", old.epoch)
        assert await kept_offsets(engine, "news") == [1]

    async def test_publishing_prolongs_the_meta_ttl(self, engine: Engine, advance: Advance) -> None:
        options = replace(LOGGED, history_ttl_s=1, history_meta_ttl_s=2)
        first = position_of(await publish(engine, "news", options))
        await advance(1)
        await publish(engine, "news", options)
        await advance(1)
        assert position_of(await publish(engine, "news", options)) == StreamPosition(3, first.epoch)

    async def test_reading_prolongs_the_meta_ttl(self, engine: Engine, advance: Advance) -> None:
        query = HistoryQuery(meta_ttl_s=2)
        first = (await engine.history("news", query)).position
        await advance(1)
        assert (await engine.history("news", query)).position == first
        await advance(1)
        assert (await engine.history("news", query)).position == first
        await advance(2)
        assert (await engine.history("news", query)).position.epoch != first.epoch

    async def test_a_position_is_not_forgotten_before_its_publications(self, engine: Engine, advance: Advance) -> None:
        top = await publish_many(engine, "news", 2, replace(LOGGED, history_ttl_s=3, history_meta_ttl_s=1))
        await advance(1)
        history = await engine.history("news", HistoryQuery(limit=-1, meta_ttl_s=1))
        assert (offsets_of(history.publications), history.position) == ([1, 2], top)
        await advance(1)
        assert (await engine.history("news", ALL)).position == top

    async def test_without_a_meta_ttl_of_its_own_a_position_is_kept(self, engine: Engine, advance: Advance) -> None:
        read = (await engine.history("news", HistoryQuery())).position
        published = await publish_many(engine, "sport", 1, replace(LOGGED, history_ttl_s=1, history_meta_ttl_s=0))
        await advance(2)
        assert (await engine.history("news", HistoryQuery())).position == read
        assert (await engine.history("sport", HistoryQuery())).position == published

    async def test_removing_it_leaves_the_position(self, engine: Engine) -> None:
        top = await publish_many(engine, "news", 3)
        await publish_many(engine, "sport", 2)
        await engine.remove_history("news")
        history = await engine.history("news", ALL)
        assert (history.publications, history.position) == ([], top)
        assert position_of(await publish(engine, "news")) == StreamPosition(4, top.epoch)
        assert await kept_offsets(engine, "news") == [4]
        assert await kept_offsets(engine, "sport") == [1, 2]

    async def test_removing_what_is_not_there_is_fine(self, engine: Engine) -> None:
        await engine.remove_history("news")
        assert position_of(await publish(engine, "news")).offset == 1
