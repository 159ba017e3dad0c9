from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import UNSET, Raw

from hub.engine import PublishOutcome
from hub.engines.memory import MemoryEngine
from hub.errors import ReplyError
from hub.protocol.messages import StreamPosition
from hub.publishing import How, Item
from tests.unit.hub.node import OPEN, Node, hub_config
from tests.unit.hub.virtual_time import virtual_loop

if TYPE_CHECKING:
    from hub.engine import PublishOptions
    from hub.protocol.messages import Publication

STREAM = replace(OPEN, history_size=10, history_ttl_s=60, history_meta_ttl_s=600)
NAMESPACES = {"stream": STREAM, "objects": replace(OPEN, publication_data_format="json_object")}


class RecordingEngine(MemoryEngine):
    """Keeps what it was asked to publish."""

    published: list[tuple[str, Publication, PublishOptions]]

    async def publish(self, channel: str, publication: Publication, options: PublishOptions) -> PublishOutcome:
        self.published.append((channel, publication, options))
        return await super().publish(channel, publication, options)


def recording_node() -> tuple[Node, RecordingEngine]:
    engine = RecordingEngine(virtual_loop().clock)
    engine.published = []
    return Node(hub_config(OPEN, NAMESPACES), engine), engine


async def test_a_publication_has_the_options_of_its_channel() -> None:
    node, engine = recording_node()
    await node.hub.publish("stream:1", b"1")
    await node.hub.publish("news", b"1")
    (_, _, stream), (_, _, plain) = engine.published
    assert (stream.history_size, stream.history_ttl_s, stream.history_meta_ttl_s) == (10, 60, 600)
    assert (plain.history_size, plain.history_ttl_s, plain.history_meta_ttl_s) == (0, 0, 720 * 3600)


async def test_plain_publications_to_a_namespace_share_their_options() -> None:
    node, engine = recording_node()
    for channel in ("stream:1", "stream:2", "news", "stream:1"):
        await node.hub.publish(channel, b"1")
    options = [options for _, _, options in engine.published]
    assert options[0] is options[1] is options[3]
    assert options[2] is not options[0]


async def test_a_publisher_may_ask_for_more() -> None:
    node, engine = recording_node()
    how = How(idempotency_key="once", version=3, version_epoch="monday")
    await node.hub.publish("stream:1", b"1", how=how, tags={"kind": "goal"})
    (_, publication, options) = engine.published[0]
    assert (options.idempotency_key, options.version, options.version_epoch) == ("once", 3, "monday")
    assert (options.history_size, options.idempotency_ttl_s, publication.tags) == (10, 300, {"kind": "goal"})


async def test_a_publication_may_skip_the_history() -> None:
    node, engine = recording_node()
    outcome = await node.hub.publish("stream:1", b"1", how=How(skip_history=True))
    assert outcome.position is None
    assert engine.published[0][2].history_size == 0
    assert (await node.hub.history("stream:1", limit=-1)).publications == []


async def test_the_outcome_is_the_position() -> None:
    node, _ = recording_node()
    first = await node.hub.publish("stream:1", b"1")
    second = await node.hub.publish("stream:1", b"2")
    assert first.position is not None
    assert second.position == StreamPosition(2, first.position.epoch)
    assert (await node.hub.publish("news", b"1")).position is None


async def test_what_was_suppressed_is_counted_apart() -> None:
    node, _ = recording_node()
    how = How(idempotency_key="once")
    first = await node.hub.publish("stream:1", b"1", how=how)
    repeat = await node.hub.publish("stream:1", b"1", how=how)
    assert (repeat.position, repeat.is_suppressed) == (first.position, True)
    assert (node.hub.counters.publications, node.hub.counters.publications_suppressed) == (1, 1)


@pytest.mark.parametrize(
    ("channel", "data", "code"),
    [
        ("nowhere:1", b"1", 102),
        ("", b"1", 107),
        ("objects:1", b"[]", 107),
        ("objects:1", b" \n 1", 107),
        ("news", b'"\xff"', 107),
        ("news", b"[" * 100 + b"]" * 100, 107),
    ],
)
async def test_what_is_refused_reaches_no_engine(channel: str, data: bytes, code: int) -> None:
    node, engine = recording_node()
    with pytest.raises(ReplyError) as refusal:
        await node.hub.publish(channel, data)
    assert refusal.value.error.code == code
    assert engine.published == []
    assert node.hub.counters.publications == 0


@pytest.mark.parametrize("data", [b"{}", b' \t{"a":1}', b'\r\n{"a":1}\n'])
async def test_an_object_is_one_whatever_is_around_it(data: bytes) -> None:
    node, engine = recording_node()
    await node.hub.publish("objects:1", data)
    assert b"\n" not in bytes(engine.published[0][1].data or b"")


async def test_data_is_cleaned_on_its_way_in() -> None:
    node, engine = recording_node()
    await node.hub.publish("news", b'{\n"a": [1,\n2]\n}')
    assert bytes(engine.published[0][1].data or b"") == b'{"a":[1,2]}'


@pytest.mark.parametrize("tags", [UNSET, {}])
async def test_no_tags_are_left_out(tags: Any) -> None:
    node, engine = recording_node()
    await node.hub.publish("news", Raw(b"1"), tags=tags)
    assert engine.published[0][1].tags is UNSET


async def test_several_are_published_in_order() -> None:
    node, _ = recording_node()
    items = [Item(Raw(b"1")), Item(Raw(b"2"), {"kind": "goal"}, How(idempotency_key="two"))]
    outcomes = await node.hub.publish_many("stream:1", items)
    positions = [outcome.position.offset for outcome in outcomes if outcome.position is not None]
    assert positions == [1, 2]
    history = await node.hub.history("stream:1", limit=-1)
    assert [publication.tags for publication in history.publications] == [UNSET, {"kind": "goal"}]
    repeats = await node.hub.publish_many("stream:1", items[1:])
    assert [repeat.is_suppressed for repeat in repeats] == [True]
    assert (node.hub.counters.publications, node.hub.counters.publications_suppressed) == (2, 1)


async def test_one_bad_item_keeps_all_from_the_engine() -> None:
    node, _ = recording_node()
    with pytest.raises(ReplyError):
        await node.hub.publish_many("objects:1", [Item(Raw(b"{}")), Item(Raw(b"1"))])
    assert node.hub.counters.publications == 0


async def test_a_key_is_remembered_for_as_long_as_the_publisher_says() -> None:
    node, engine = recording_node()
    await node.hub.publish("stream:1", b"1", how=How(idempotency_key="once", idempotency_ttl_s=3_600))
    assert engine.published[0][2].idempotency_ttl_s == 3_600
