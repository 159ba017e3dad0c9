"""What every engine promises (hub/engine.py). Nothing here may know which engine it talks to.

History has a file of its own, test_engine_history_contract.py.

TTLs are whole seconds, and what must still be there is looked at a second before its time: some engines really wait.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from msgspec import Raw

from hub.engine import NodeInfo, PresenceStats, PublishOptions, PublishOutcome
from hub.protocol.messages import ClientInfo, StreamPosition
from tests.contract.conftest import NODE_LEASE_S
from tests.contract.engine_calls import (
    ALL,
    LOGGED,
    TOP,
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

ANN = ClientInfo(user="ann", client="client-1")
ANN_AGAIN = ClientInfo(user="ann", client="client-2")
BOB = ClientInfo(user="bob", client="client-3")


class TestPositions:
    async def test_rise_by_one_from_one(self, engine: Engine) -> None:
        positions = [position_of(await publish(engine, "news")) for _ in range(4)]
        assert [position.offset for position in positions] == [1, 2, 3, 4]
        assert len({position.epoch for position in positions}) == 1
        assert positions[0].epoch != ""

    async def test_are_counted_per_channel_in_an_epoch_of_its_own(self, engine: Engine) -> None:
        first = await publish_many(engine, "news", 3)
        second = await publish_many(engine, "sport", 1)
        assert (first.offset, second.offset) == (3, 1)
        assert first.epoch != second.epoch

    async def test_start_at_zero_on_first_read_and_go_on_in_that_epoch(self, engine: Engine) -> None:
        seen = (await engine.history("news", TOP)).position
        assert seen.offset == 0
        assert seen.epoch != ""
        assert position_of(await publish(engine, "news")) == StreamPosition(1, seen.epoch)

    async def test_of_concurrent_publishes_are_all_different_and_without_a_gap(self, engine: Engine) -> None:
        outcomes = await asyncio.gather(*(publish(engine, "news", data=number) for number in range(50)))
        assert sorted(position_of(outcome).offset for outcome in outcomes) == list(range(1, 51))

    async def test_belong_to_what_was_published_there(self, engine: Engine) -> None:
        outcomes = await asyncio.gather(*(publish(engine, "news", data=number) for number in range(10)))
        for publication in (await engine.history("news", ALL)).publications:
            number = int(bytes(publication.data or b""))
            assert position_of(outcomes[number]).offset == publication.offset

    @pytest.mark.parametrize(
        "options",
        [UNLOGGED, replace(LOGGED, history_size=0), replace(LOGGED, history_ttl_s=0)],
        ids=["neither", "no size", "no ttl"],
    )
    async def test_are_given_only_where_history_is_kept(self, engine: Engine, options: PublishOptions) -> None:
        await publish_many(engine, "news", 2)
        assert await publish(engine, "news", options) == PublishOutcome(position=None)
        assert await kept_offsets(engine, "news") == [1, 2]
        assert position_of(await publish(engine, "news")).offset == 3


class TestIdempotency:
    async def test_a_repeat_is_told_the_first_position_and_publishes_nothing(
        self, engine: Engine, listener: RecordingListener
    ) -> None:
        options = replace(LOGGED, idempotency_key="once")
        await engine.subscribe("news")
        first = await publish(engine, "news", options, data=1)
        await publish(engine, "news", data=2)
        assert not first.is_suppressed
        assert await publish(engine, "news", options, data=3) == PublishOutcome(first.position, is_suppressed=True)
        assert await kept_offsets(engine, "news") == [1, 2]
        await publish(engine, "news", data=4)
        await listener.until(lambda heard: len(heard.publications) >= 3)
        assert [delivery.publication.data for delivery in listener.publications] == [Raw(b"1"), Raw(b"2"), Raw(b"4")]

    async def test_holds_without_history(self, engine: Engine, listener: RecordingListener) -> None:
        options = replace(UNLOGGED, idempotency_key="once")
        await engine.subscribe("news")
        assert await publish(engine, "news", options, data=1) == PublishOutcome(None)
        assert await publish(engine, "news", options, data=2) == PublishOutcome(None, is_suppressed=True)
        await publish(engine, "news", UNLOGGED, data=3)
        await listener.until(lambda heard: len(heard.publications) >= 2)
        assert [delivery.publication.data for delivery in listener.publications] == [Raw(b"1"), Raw(b"3")]

    async def test_the_same_key_in_another_channel_is_another_key(self, engine: Engine) -> None:
        options = replace(LOGGED, idempotency_key="once")
        await publish(engine, "news", options)
        assert not (await publish(engine, "sport", options)).is_suppressed
        assert await kept_offsets(engine, "sport") == [1]

    @pytest.mark.parametrize("separator", ["_", ":", ".", "/", "|", " ", "\n", "\0", ""])
    async def test_channel_and_key_do_not_run_into_each_other(self, engine: Engine, separator: str) -> None:
        await publish(engine, "a", replace(LOGGED, idempotency_key=f"b{separator}c"))
        assert not (await publish(engine, f"a{separator}b", replace(LOGGED, idempotency_key="c"))).is_suppressed

    async def test_another_key_in_the_same_channel_is_published(self, engine: Engine) -> None:
        await publish(engine, "news", replace(LOGGED, idempotency_key="one"))
        assert not (await publish(engine, "news", replace(LOGGED, idempotency_key="two"))).is_suppressed

    async def test_after_its_ttl_a_key_publishes_again(self, engine: Engine, advance: Advance) -> None:
        options = replace(LOGGED, idempotency_key="once", idempotency_ttl_s=2)
        await publish(engine, "news", options)
        await advance(1)
        assert (await publish(engine, "news", options)).is_suppressed
        await advance(1)
        again = await publish(engine, "news", options)
        assert (position_of(again).offset, again.is_suppressed) == (2, False)
        assert await publish(engine, "news", options) == PublishOutcome(again.position, is_suppressed=True)

    async def test_concurrent_repeats_publish_once(self, engine: Engine) -> None:
        options = replace(LOGGED, idempotency_key="once")
        outcomes = await asyncio.gather(*(publish(engine, "news", options) for _ in range(20)))
        assert sum(not outcome.is_suppressed for outcome in outcomes) == 1
        assert len({position_of(outcome).offset for outcome in outcomes}) == 1
        assert await kept_offsets(engine, "news") == [1]

    async def test_a_key_outlives_the_history(self, engine: Engine) -> None:
        options = replace(LOGGED, idempotency_key="once")
        first = await publish(engine, "news", options)
        await engine.remove_history("news")
        assert await publish(engine, "news", options) == PublishOutcome(first.position, is_suppressed=True)


class TestVersions:
    async def test_only_a_higher_version_is_published(self, engine: Engine, listener: RecordingListener) -> None:
        await engine.subscribe("price")
        outcomes = [
            await publish(engine, "price", replace(LOGGED, version=version), data=version)
            for version in (2, 1, 2, 4, 3, 5)
        ]
        assert [outcome.is_suppressed for outcome in outcomes] == [False, True, True, False, True, False]
        assert [position_of(outcome).offset for outcome in outcomes] == [1, 1, 1, 2, 2, 3]
        assert len({position_of(outcome).epoch for outcome in outcomes}) == 1
        await listener.until(lambda heard: len(heard.publications) >= 3)
        assert [delivery.publication.data for delivery in listener.publications] == [Raw(b"2"), Raw(b"4"), Raw(b"5")]

    async def test_unversioned_ones_are_published_and_change_no_version(self, engine: Engine) -> None:
        await publish(engine, "price", replace(LOGGED, version=5))
        assert not (await publish(engine, "price")).is_suppressed
        assert (await publish(engine, "price", replace(LOGGED, version=5))).is_suppressed

    async def test_a_new_version_epoch_starts_over(self, engine: Engine) -> None:
        def of(version: int, epoch: str) -> PublishOptions:
            return replace(LOGGED, version=version, version_epoch=epoch)

        assert not (await publish(engine, "price", of(9, "monday"))).is_suppressed
        assert not (await publish(engine, "price", of(1, "tuesday"))).is_suppressed
        assert (await publish(engine, "price", of(1, "tuesday"))).is_suppressed
        assert not (await publish(engine, "price", of(2, "tuesday"))).is_suppressed

    async def test_without_a_version_epoch_any_stored_one_counts(self, engine: Engine) -> None:
        await publish(engine, "price", replace(LOGGED, version=9, version_epoch="monday"))
        assert (await publish(engine, "price", replace(LOGGED, version=9))).is_suppressed
        assert not (await publish(engine, "price", replace(LOGGED, version=10))).is_suppressed

    async def test_may_be_nanoseconds(self, engine: Engine) -> None:
        """Beyond 2^53, where neighbours are one and the same floating-point number."""
        versions = [2**62, 2**62 + 1, 2**62, 2**62 + 2, 9, 10**18]
        outcomes = [await publish(engine, "price", replace(LOGGED, version=version)) for version in versions]
        assert [outcome.is_suppressed for outcome in outcomes] == [False, False, True, False, True, True]

    async def test_are_kept_per_channel(self, engine: Engine) -> None:
        await publish(engine, "price", replace(LOGGED, version=9))
        assert not (await publish(engine, "stock", replace(LOGGED, version=1))).is_suppressed

    async def test_do_not_matter_without_history(self, engine: Engine) -> None:
        for _ in range(2):
            assert await publish(engine, "price", replace(UNLOGGED, version=1)) == PublishOutcome(None)

    async def test_live_as_long_as_the_position(self, engine: Engine, advance: Advance) -> None:
        options = replace(LOGGED, version=9, history_ttl_s=1, history_meta_ttl_s=3)
        await publish(engine, "price", options)
        await engine.remove_history("price")
        assert (await publish(engine, "price", options)).is_suppressed
        await advance(2)
        assert (await publish(engine, "price", options)).is_suppressed
        await advance(1)
        assert not (await publish(engine, "price", options)).is_suppressed

    async def test_a_key_remembers_that_its_version_was_outdated(self, engine: Engine) -> None:
        await publish(engine, "price", replace(LOGGED, version=9))
        late = await publish(engine, "price", replace(LOGGED, version=8, idempotency_key="late"))
        await publish(engine, "price", replace(LOGGED, version=10))
        assert late.is_suppressed
        assert await publish(engine, "price", replace(LOGGED, version=8, idempotency_key="late")) == late


class TestListening:
    async def test_hears_publications_in_the_order_of_their_offsets(
        self, engine: Engine, listener: RecordingListener
    ) -> None:
        await engine.subscribe("news")
        outcomes = await asyncio.gather(*(publish(engine, "news", data=number) for number in range(50)))
        await listener.until(lambda heard: len(heard.publications) == 50)
        epoch = position_of(outcomes[0]).epoch
        expected = [StreamPosition(offset, epoch) for offset in range(1, 51)]
        assert [delivery.position for delivery in listener.publications] == expected
        assert offsets_of(delivery.publication for delivery in listener.publications) == list(range(1, 51))
        for delivery in listener.publications:
            number = int(bytes(delivery.publication.data or b""))
            assert position_of(outcomes[number]) == delivery.position

    async def test_hears_publications_without_history_in_order(
        self, engine: Engine, listener: RecordingListener
    ) -> None:
        await engine.subscribe("news")
        for number in range(20):
            await publish(engine, "news", UNLOGGED, data=number)
        await listener.until(lambda heard: len(heard.publications) == 20)
        assert [int(bytes(heard.publication.data or b"")) for heard in listener.publications] == list(range(20))
        assert {(heard.position, heard.publication.offset) for heard in listener.publications} == {(None, 0)}

    async def test_hears_only_channels_it_is_subscribed_to(self, engine: Engine, listener: RecordingListener) -> None:
        await engine.subscribe("news")
        for channel in ("sport", "new", "newsletter", "news"):
            await publish(engine, channel)
            await publish(engine, channel, UNLOGGED)
            await engine.publish_join(channel, ANN)
            await engine.publish_leave(channel, ANN)
        await listener.until(lambda heard: bool(heard.leaves) and bool(heard.joins) and len(heard.publications) >= 2)
        assert [delivery.channel for delivery in listener.publications] == ["news", "news"]
        assert listener.joins == [("news", ANN)]
        assert listener.leaves == [("news", ANN)]

    async def test_hears_nothing_once_unsubscribed(self, engine: Engine, listener: RecordingListener) -> None:
        await engine.subscribe("sport")
        await engine.subscribe("news")
        await engine.unsubscribe("news")
        await publish(engine, "news")
        await engine.publish_join("news", ANN)
        await publish(engine, "sport")
        await engine.publish_join("sport", ANN)
        await listener.until(lambda heard: bool(heard.publications) and bool(heard.joins))
        assert [delivery.channel for delivery in listener.publications] == ["sport"]
        assert listener.joins == [("sport", ANN)]

    async def test_subscribing_twice_is_hearing_once(self, engine: Engine, listener: RecordingListener) -> None:
        await engine.subscribe("news")
        await engine.subscribe("news")
        await publish_many(engine, "news", 2)
        await listener.until(lambda heard: len(heard.publications) >= 2)
        assert offsets_of(delivery.publication for delivery in listener.publications) == [1, 2]
        await engine.unsubscribe("news")
        await engine.subscribe("sport")
        await publish(engine, "news")
        await publish(engine, "sport")
        await listener.until(lambda heard: heard.publications[-1].channel == "sport")
        assert len(listener.publications) == 3

    async def test_unsubscribing_from_what_one_is_not_subscribed_to_is_fine(
        self, engine: Engine, listener: RecordingListener
    ) -> None:
        await engine.unsubscribe("news")
        await engine.subscribe("news")
        await publish(engine, "news")
        await listener.until(lambda heard: len(heard.publications) == 1)

    async def test_what_was_acknowledged_is_in_the_history(self, engine: Engine) -> None:
        outcome = await publish(engine, "news")
        assert (await engine.history("news", ALL)).position == outcome.position
        assert await kept_offsets(engine, "news") == [1]

    async def test_hears_joins_and_leaves_with_all_they_say(self, engine: Engine, listener: RecordingListener) -> None:
        info = ClientInfo("ann", "client-1", Raw(b'{"name": "Ann"}'), Raw(b"[1,  2]"))
        await engine.subscribe("news")
        await engine.publish_join("news", copy_of(info))
        await engine.publish_leave("news", copy_of(info))
        await listener.until(lambda heard: bool(heard.joins) and bool(heard.leaves))
        assert listener.joins == [("news", info)]
        assert listener.leaves == [("news", info)]
        assert await kept_offsets(engine, "news") == []


class TestPresence:
    async def test_lists_who_was_added(self, engine: Engine) -> None:
        info = ClientInfo("ann", "client-1", Raw(b'{"name": "Ann"}'), Raw(b"[1,  2]"))
        await engine.add_presence("news", "client-1", copy_of(info), 60)
        await engine.add_presence("news", "client-3", BOB, 60)
        await engine.add_presence("sport", "client-2", ANN_AGAIN, 60)
        assert await engine.presence("news") == {"client-1": info, "client-3": BOB}
        assert await engine.presence("sport") == {"client-2": ANN_AGAIN}

    async def test_of_an_empty_channel_is_empty(self, engine: Engine) -> None:
        assert await engine.presence("news") == {}
        assert await engine.presence_stats("news") == PresenceStats(0, 0)

    async def test_stats_count_a_user_once(self, engine: Engine) -> None:
        for info in (ANN, ANN_AGAIN, BOB):
            await engine.add_presence("news", info.client, info, 60)
        assert await engine.presence_stats("news") == PresenceStats(num_clients=3, num_users=2)
        await engine.remove_presence("news", ANN.client, ANN.user)
        assert await engine.presence_stats("news") == PresenceStats(num_clients=2, num_users=2)
        await engine.remove_presence("news", ANN_AGAIN.client, ANN_AGAIN.user)
        assert await engine.presence_stats("news") == PresenceStats(num_clients=1, num_users=1)

    async def test_removes_one_client_of_one_channel(self, engine: Engine) -> None:
        for channel in ("news", "sport"):
            await engine.add_presence(channel, ANN.client, ANN, 60)
        await engine.add_presence("news", BOB.client, BOB, 60)
        await engine.remove_presence("news", ANN.client, ANN.user)
        assert await engine.presence("news") == {BOB.client: BOB}
        assert await engine.presence("sport") == {ANN.client: ANN}

    async def test_removing_who_is_not_there_is_fine(self, engine: Engine) -> None:
        await engine.add_presence("news", ANN.client, ANN, 60)
        await engine.remove_presence("news", BOB.client, BOB.user)
        await engine.remove_presence("sport", BOB.client, BOB.user)
        assert await engine.presence("news") == {ANN.client: ANN}

    async def test_a_lease_not_renewed_is_gone(self, engine: Engine, advance: Advance) -> None:
        await engine.add_presence("news", ANN.client, ANN, 2)
        await engine.add_presence("news", BOB.client, BOB, 60)
        await advance(1)
        assert await engine.presence("news") == {ANN.client: ANN, BOB.client: BOB}
        await advance(1)
        assert await engine.presence("news") == {BOB.client: BOB}
        assert await engine.presence_stats("news") == PresenceStats(1, 1)

    async def test_a_renewed_lease_counts_from_its_renewal(self, engine: Engine, advance: Advance) -> None:
        await engine.add_presence("news", ANN.client, ANN, 2)
        await advance(1)
        await engine.add_presence("news", ANN.client, ANN, 2)
        await advance(1)
        assert await engine.presence("news") == {ANN.client: ANN}
        assert await engine.presence_stats("news") == PresenceStats(1, 1)
        await advance(1)
        assert await engine.presence("news") == {}
        assert await engine.presence_stats("news") == PresenceStats(0, 0)

    async def test_a_lease_may_be_renewed_for_less(self, engine: Engine, advance: Advance) -> None:
        await engine.add_presence("news", ANN.client, ANN, 60)
        await engine.add_presence("news", ANN.client, ANN, 1)
        await advance(1)
        assert await engine.presence("news") == {}

    async def test_a_client_that_came_back_stays_for_its_new_lease(self, engine: Engine, advance: Advance) -> None:
        await engine.add_presence("news", ANN.client, ANN, 2)
        await engine.remove_presence("news", ANN.client, ANN.user)
        await advance(1)
        await engine.add_presence("news", ANN.client, ANN, 2)
        await advance(1)
        assert await engine.presence("news") == {ANN.client: ANN}

    async def test_renewing_replaces_what_is_known(self, engine: Engine) -> None:
        await engine.add_presence("news", ANN.client, ANN, 60)
        renamed = ClientInfo(ANN.user, ANN.client, Raw(b'"new"'))
        await engine.add_presence("news", ANN.client, renamed, 60)
        assert await engine.presence("news") == {ANN.client: renamed}
        assert await engine.presence_stats("news") == PresenceStats(1, 1)


class TestBetweenNodes:
    async def test_a_control_message_reaches_its_own_node_once(
        self, engine: Engine, listener: RecordingListener
    ) -> None:
        messages = [b'{"disconnect":1}', b"\x00\xff not text", b"", b"last"]
        for message in messages:
            await engine.control(message)
        await listener.until(lambda heard: b"last" in heard.control_messages)
        assert listener.control_messages == messages

    async def test_lists_what_was_announced_last(self, engine: Engine) -> None:
        assert await engine.nodes() == []
        await engine.announce(NodeInfo(uid="n1", name="one"))
        node = NodeInfo("n1", "one", "0.1.0", num_clients=1, num_users=2, num_subs=3, num_channels=4, uptime_s=5)
        await engine.announce(node)
        assert await engine.nodes() == [node]

    async def test_forgets_a_node_after_its_lease(self, engine: Engine, advance: Advance) -> None:
        node = NodeInfo(uid="n1", name="one")
        await engine.announce(node)
        await advance(NODE_LEASE_S - 1)
        await engine.announce(node)
        await advance(NODE_LEASE_S - 1)
        assert await engine.nodes() == [node]
        await advance(1)
        assert await engine.nodes() == []
