"""Asks an engine and its model the same things, in whatever order, and compares the answers after each step."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec import Raw

from hub.engine import HistoryQuery, PublishOptions
from hub.protocol.messages import ClientInfo, Publication, StreamPosition
from tests.contract.conftest import SPECIMENS, Specimen
from tests.contract.engine_model import EngineModel, Position
from tests.support.recording_listener import RecordingListener

if TYPE_CHECKING:
    from collections.abc import Coroutine

CHANNELS = st.sampled_from(["news", "sport"])
CLIENTS = st.sampled_from(["client-1", "client-2", "client-3"])
TTLS = st.integers(1, 4)
KEYS = st.sampled_from(["", "", "one", "two"])
VERSIONS = st.sampled_from([0, 0, 0, 1, 2, 3])
VERSION_EPOCHS = st.sampled_from(["", "monday", "tuesday"])

LOGGED_OPTIONS = st.builds(
    PublishOptions,
    history_size=st.integers(1, 5),
    history_ttl_s=TTLS,
    history_meta_ttl_s=st.integers(1, 8),
    idempotency_key=KEYS,
    idempotency_ttl_s=TTLS,
    version=VERSIONS,
    version_epoch=VERSION_EPOCHS,
)
UNLOGGED_OPTIONS = st.builds(PublishOptions, idempotency_key=KEYS, idempotency_ttl_s=TTLS, version=VERSIONS)
QUERIES = st.builds(
    HistoryQuery,
    limit=st.integers(-1, 6),
    since=st.none() | st.builds(StreamPosition, offset=st.integers(0, 12)),
    reverse=st.booleans(),
    meta_ttl_s=st.integers(1, 8),
)


def number_in(publication: Publication) -> int:
    return int(bytes(publication.data or b""))


class EngineMachine(RuleBasedStateMachine):
    """
    Attributes:
        service: what the specimen needs to be opened.
    """

    specimen_name: str
    service: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.model = EngineModel()
        self.listener = RecordingListener()
        self.num_published = 0
        self.epochs: dict[int, str] = {}
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.specimen: Specimen = self.run(
            self.stack.enter_async_context(SPECIMENS[self.specimen_name].open(self.service))
        )
        self.engine = self.specimen.engine
        self.engine.bind(self.listener)

    def run(self, call: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(call)

    def teardown(self) -> None:
        self.run(self.stack.aclose())
        self.runner.close()

    def assert_same_position(self, actual: StreamPosition | None, expected: Position | None) -> None:
        assert (actual is None) == (expected is None)
        if actual is None or expected is None:
            return
        offset, epoch_number = expected
        assert actual.offset == offset
        assert actual.epoch == self.epochs.setdefault(epoch_number, actual.epoch)

    @rule(channel=CHANNELS, options=LOGGED_OPTIONS | UNLOGGED_OPTIONS)
    def publish(self, channel: str, options: PublishOptions) -> None:
        self.num_published += 1
        publication = Publication(Raw(b"%d" % self.num_published))
        outcome = self.run(self.engine.publish(channel, publication, options))
        position, is_suppressed = self.model.publish(channel, self.num_published, options)
        assert outcome.is_suppressed == is_suppressed
        self.assert_same_position(outcome.position, position)

    @rule(channel=CHANNELS, query=QUERIES)
    def history(self, channel: str, query: HistoryQuery) -> None:
        history = self.run(self.engine.history(channel, query))
        publications, position = self.model.history(channel, query)
        assert [(found.offset, number_in(found)) for found in history.publications] == publications
        self.assert_same_position(history.position, position)

    @rule(channel=CHANNELS)
    def remove_history(self, channel: str) -> None:
        self.run(self.engine.remove_history(channel))
        self.model.remove_history(channel)

    @rule(seconds=TTLS)
    def advance(self, seconds: int) -> None:
        self.run(self.specimen.advance(seconds))
        self.model.advance(seconds)

    @rule(channel=CHANNELS)
    def subscribe(self, channel: str) -> None:
        self.run(self.engine.subscribe(channel))
        self.model.subscribed.add(channel)

    @rule(channel=CHANNELS)
    def unsubscribe(self, channel: str) -> None:
        self.run(self.engine.unsubscribe(channel))
        self.model.subscribed.discard(channel)

    @rule(channel=CHANNELS, client=CLIENTS, ttl_s=TTLS)
    def add_presence(self, channel: str, client: str, ttl_s: int) -> None:
        self.run(self.engine.add_presence(channel, client, ClientInfo("ann", client), ttl_s))
        self.model.leases[channel, client] = self.model.now + ttl_s

    @rule(channel=CHANNELS, client=CLIENTS)
    def remove_presence(self, channel: str, client: str) -> None:
        self.run(self.engine.remove_presence(channel, client, "ann"))
        self.model.leases.pop((channel, client), None)

    @rule(channel=CHANNELS)
    def presence(self, channel: str) -> None:
        assert set(self.run(self.engine.presence(channel))) == self.model.present(channel)

    @invariant()
    def no_time_passes_by_itself(self) -> None:
        self.run(self.specimen.advance(0))

    @invariant()
    def every_epoch_is_different(self) -> None:
        assert len(set(self.epochs.values())) == len(self.epochs)

    @invariant()
    def the_listener_heard_what_was_published(self) -> None:
        self.run(self.listener.until(lambda listener: len(listener.publications) >= len(self.model.heard)))
        assert len(self.listener.publications) == len(self.model.heard)
        for delivery, (channel, data, position) in zip(self.listener.publications, self.model.heard, strict=True):
            assert (delivery.channel, number_in(delivery.publication)) == (channel, data)
            self.assert_same_position(delivery.position, position)
