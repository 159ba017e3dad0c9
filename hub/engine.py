"""The engine port: the log of every channel, who is present, and the word between nodes.

Implementations: `hub.engines.memory` (one node, the reference) and, for clusters, Redis. All pass the same suite,
tests/contract/test_engine_contract.py and
test_engine_history_contract.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from msgspec import Struct

from hub.protocol.messages import ClientInfo, Publication, StreamPosition

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishOptions:
    """How one publication is kept.

    Attributes:
        history_size: publications kept; 0 keeps none, and the publication gets no offset.
        history_ttl_s: how long after the last publication they are kept.
        history_meta_ttl_s: how long top offset and epoch outlive the last publication or read, never less than the
            publications themselves; 0 is the engine's default.
        idempotency_key: a repeat within `idempotency_ttl_s` on the same channel appends nothing.
        version: with history, a publication whose version is not above the stored one (of the same
            `version_epoch`, or when that is empty) is not published. 0: unversioned.
    """

    history_size: int = 0
    history_ttl_s: float = 0
    history_meta_ttl_s: float = 0
    idempotency_key: str = ""
    idempotency_ttl_s: float = 300
    version: int = 0
    version_epoch: str = ""


class PublishOutcome(NamedTuple):
    """Where the publication stands. `position` is None where the channel keeps no history."""

    position: StreamPosition | None
    is_suppressed: bool = False
    """Nothing was published: a repeat of an idempotency key, or an old version."""


class HistoryQuery(NamedTuple):
    """Which part of a stream: `limit` 0 asks for the position only, -1 for everything; `meta_ttl_s` as at publish."""

    limit: int = 0
    since: StreamPosition | None = None
    reverse: bool = False
    meta_ttl_s: float = 0


class History(NamedTuple):
    publications: list[Publication]
    position: StreamPosition
    """The top of the stream, whatever was asked for."""


class PresenceStats(NamedTuple):
    num_clients: int
    num_users: int


class NodeInfo(Struct, frozen=True, omit_defaults=True):
    """What a node tells the others about itself."""

    uid: str
    name: str
    version: str = ""
    num_clients: int = 0
    num_users: int = 0
    num_subs: int = 0
    num_channels: int = 0
    uptime_s: int = 0


class EngineListener(Protocol):
    """What an engine tells its node. Synchronous: a listener never makes the engine wait."""

    def on_publication(self, channel: str, publication: Publication, position: StreamPosition | None) -> None:
        """A publication of a channel this node is subscribed to.

        Order: positions of one epoch rise by one per channel; after a loss the next one shows the gap, never a swap.
        `position` is None for a publication without history.
        """

    def on_join(self, channel: str, info: ClientInfo) -> None: ...

    def on_leave(self, channel: str, info: ClientInfo) -> None: ...

    def on_control(self, message: bytes) -> None:
        """A control message of any node, this one included: in the order of the engine, at most once."""

    def on_lapse(self) -> None:
        """This node was out of touch for longer than its lease (paused, or starved of CPU): others count it as gone.

        Called before anything that came meanwhile is handed over: whatever the node's clients would see of it may be
        older than what they have seen elsewhere.
        """


class Engine(Protocol):
    """Every method fails with EngineUnavailable within its own deadline when the backing store gives no answer.

    Cancellation: a cancelled write may or may not have happened; repeat it with the same key to find out.
    """

    def bind(self, listener: EngineListener) -> None:
        """Name the node that publications and control messages are handed to. Once, before any other call."""

    async def publish(self, channel: str, publication: Publication, options: PublishOptions) -> PublishOutcome:
        """Append to the channel's stream (when it keeps one) and hand it to every subscribed node.

        Acknowledged means stored and announced: after it returns, history holds the publication. The caller gives up
        `publication`: the engine sets its offset.
        """

    async def publish_many(
        self, channel: str, entries: Sequence[tuple[Publication, PublishOptions]]
    ) -> list[PublishOutcome]:
        """`publish` each to the same channel, in this order, with nothing after the first that fails.

        Raises:
            EngineUnavailable: some of the first ones may have been published; repeat all of them, in this order, with
                the same idempotency keys.
        """

    async def publish_join(self, channel: str, info: ClientInfo) -> None:
        """Announce to every subscribed node; at most once, not kept."""

    async def publish_leave(self, channel: str, info: ClientInfo) -> None:
        """Announce to every subscribed node; at most once, not kept."""

    async def history(self, channel: str, query: HistoryQuery) -> History:
        """Read a stream, creating its epoch on first sight.

        Strictly after `since` (strictly before, newest first, when reversed); without `since` from the oldest (newest).
        `since.epoch` is not compared here: the position in the answer lets the caller do it.
        """

    async def remove_history(self, channel: str) -> None:
        """Forget the publications; offset and epoch stay."""

    async def add_presence(self, channel: str, client_id: str, info: ClientInfo, ttl_s: float) -> None:
        """Add a client, or renew its lease; unless renewed, it is gone after `ttl_s`."""

    async def remove_presence(self, channel: str, client_id: str, user: str) -> None: ...

    async def presence(self, channel: str) -> Mapping[str, ClientInfo]: ...

    async def presence_stats(self, channel: str) -> PresenceStats: ...

    async def subscribe(self, channel: str) -> None:
        """Hand this channel's publications to the listener; once it returns, none is missed silently."""

    async def unsubscribe(self, channel: str) -> None: ...

    async def control(self, message: bytes, node: str = "") -> None:
        """Hand a message to every node, this one included; or to the node of this uid alone."""

    async def announce(self, node: NodeInfo) -> None:
        """Tell the other nodes about this one; repeated every few seconds, it is also the node's lease."""

    async def nodes(self) -> list[NodeInfo]:
        """The nodes whose lease holds."""


@runtime_checkable
class CalledByName(Protocol):
    """An engine that calls another process to publish: what traces say of it."""

    @property
    def system_name(self) -> str:
        """OpenTelemetry's `db.system.name`."""

    @property
    def publish_command(self) -> str:
        """What it calls there (`db.operation.name`)."""
