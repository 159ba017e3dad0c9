"""The engine of a hub of several nodes: everything that is shared is in Redis, nothing outlives this process here."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from hub.engine import History, PresenceStats, PublishOutcome
from hub.engines.redis.buses import Buses, Call
from hub.engines.redis.catch_up import CatchUp
from hub.engines.redis.complaints import redis_complaints
from hub.engines.redis.control_line import ControlLine
from hub.engines.redis.discovery import choose_topology
from hub.engines.redis.envelopes import (
    Envelope,
    decode_node,
    encode,
    info_of,
    presence_value,
    publications_in,
)
from hub.engines.redis.feeds import Feed, FeedContext
from hub.engines.redis.keys import ChannelKeys, Keys
from hub.engines.redis.mailbox import Mailbox
from hub.engines.redis.publish_calls import PublishCalls, milliseconds
from hub.engines.redis.pulse import Pulse
from hub.engines.redis.reachability import check_reachable
from hub.engines.redis.scripts import (
    ANNOUNCE,
    CLEAR,
    HISTORY,
    PRESENCE_ADD,
    PRESENCE_LIST,
    PRESENCE_REMOVE,
    PRESENCE_STATS,
)
from hub.errors import EngineUnavailable
from hub.protocol.messages import StreamPosition

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping, Sequence

    from hub.clock import Clock
    from hub.engine import EngineListener, HistoryQuery, NodeInfo, PublishOptions
    from hub.engines.redis.config import RedisConfig
    from hub.engines.redis.topology import Topology
    from hub.histogram import Histogram
    from hub.protocol.messages import ClientInfo, Publication

ENTRIES_PER_CALL: Final = 64
"""Publications that one step of the server takes: about a millisecond in which it does nothing else."""

MAX_COUNT: Final = 2**31 - 1
"""Of entries that Redis is asked for; a larger number it may refuse."""

PULSE_INTERVAL_S: Final = 0.25

NODES_CHANNEL: Final = "nodes"


class EngineHealth(NamedTuple):
    """How the connections to Redis are.

    Ages are those of most primaries: of three, one may be dead. All nodes miss it alike, and what it does not hold
    works on; were they all to call themselves unready, nothing would.

    Attributes:
        is_connected: every primary has both its links.
        answer_age_s: since the last answer to a command; asked for every second.
        canary_age_s: since the last message to ourselves came back; sent every second.
    """

    is_connected: bool
    answer_age_s: float
    canary_age_s: float


class RedisEngine:
    """Implements `hub.engine.Engine`.

    Construct it inside a running loop, `bind` it, hand `tasks()` to the supervisor. Event-loop thread only.

    Args:
        node_uid: of the node that is going to be bound: control messages to it alone come here.
        history_meta_ttl_s: meta TTL where a publication or history query names none (0).
        node_lease_s: how long an announced node is listed unless announced again.
        lapse_after_s: how long this process may stand still before it takes itself for gone (EngineListener.on_lapse):
            no longer than the lease without the interval at which it is renewed.
    """

    _listener: EngineListener
    system_name = "redis"
    publish_command = "EVALSHA"

    def __init__(
        self,
        config: RedisConfig,
        clock: Clock,
        topology: Topology,
        *,
        node_uid: str,
        history_meta_ttl_s: float = 720 * 3600,
        node_lease_s: float = 9,
        lapse_after_s: float = 6,
    ) -> None:
        self._clock = clock
        self._timeout_s = config.io_timeout_s
        self._node_uid = node_uid
        self._node_lease_ms = milliseconds(node_lease_s)
        self._meta_ttl_ms = milliseconds(history_meta_ttl_s)
        self._verb = b"SPUBLISH" if topology.is_cluster else b"PUBLISH"
        self._keys = Keys(config.prefix)
        self._calls = PublishCalls(self._verb, self._meta_ttl_ms)
        self._complaints = redis_complaints(clock)
        self._pulse = Pulse(clock, lapse_after_s, self._on_lapse)
        self._buses = Buses(config, clock, topology, self._complaints, self._pulse.beat)
        self._feeds: dict[str, Feed] = {}
        self._context = FeedContext(self._complaints, is_sharded=topology.is_cluster)
        self._context.attach_again = self._buses.attach_again
        self._catch_up = CatchUp(self._buses, self._context, clock)
        self._control_heard_at_s = clock.monotonic_s()
        self._control = ControlLine(
            self._keys, self._buses, self._complaints, self._on_control, is_sharded=topology.is_cluster
        )
        self._mailbox = Mailbox(
            self._keys.system(f"node:{node_uid}"), self._buses, self._on_control, is_sharded=topology.is_cluster
        )

    def bind(self, listener: EngineListener) -> None:
        self._listener = self._context.listener = listener

    def tasks(self) -> list[tuple[str, Coroutine[object, object, None]]]:
        """The work that must go on as long as the engine is used, by name."""
        return [("engine.redis", self.run())]

    async def run(self) -> None:
        """Keep the connections, until cancelled; then they are closed."""
        self._pulse.begin()
        self._buses.attach(self._mailbox)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._buses.run())
            tasks.create_task(self._catch_up.run())
            tasks.create_task(self._control.run())
            while True:
                await asyncio.sleep(PULSE_INTERVAL_S)
                self._pulse.beat()

    async def ready(self) -> None:
        """Wait until everything stands: links, control messages. The caller has a deadline."""
        while not self._is_ready():  # noqa: ASYNC110  # asked once, at start: three owners need no event for that
            await asyncio.sleep(0.01)

    def _is_ready(self) -> bool:
        return self.health().is_connected and self._control.is_listening and self._mailbox.is_listening

    # --- publishing -------------------------------------------------------------------------------------------------

    async def publish(self, channel: str, publication: Publication, options: PublishOptions) -> PublishOutcome:
        call = self._calls.one(self._keys.of(channel), publication, options)
        offset, epoch, is_suppressed = await self._buses.call(call)
        return _outcome(offset, epoch, is_suppressed)

    async def publish_many(
        self, channel: str, entries: Sequence[tuple[Publication, PublishOptions]]
    ) -> list[PublishOutcome]:
        keys = self._keys.of(channel)
        outcomes: list[PublishOutcome] = []
        for start in range(0, len(entries), ENTRIES_PER_CALL):
            call = self._calls.several(keys, entries[start : start + ENTRIES_PER_CALL])
            answers = iter(await self._buses.call(call))
            outcomes += [_outcome(*answer) for answer in zip(answers, answers, answers, strict=True)]
        return outcomes

    async def publish_join(self, channel: str, info: ClientInfo) -> None:
        await self._announce(channel, Envelope(j=info))

    async def publish_leave(self, channel: str, info: ClientInfo) -> None:
        await self._announce(channel, Envelope(l=info))

    async def _announce(self, channel: str, envelope: Envelope) -> None:
        keys = self._keys.of(channel)
        args = (self._verb, keys.doorbell, msgspec.json.encode(envelope))
        await self._buses.call(Call(ANNOUNCE, keys.slot, (keys.meta,), args))

    # --- history ----------------------------------------------------------------------------------------------------

    async def history(self, channel: str, query: HistoryQuery) -> History:
        keys = self._keys.of(channel)
        limit, since = min(query.limit, MAX_COUNT), query.since
        if since is not None and query.reverse and since.offset == 0:
            limit = 0  # nothing is before the beginning, and Redis knows no such range
        args = (
            self._calls.fresh(),
            milliseconds(query.meta_ttl_s) or self._meta_ttl_ms,
            limit,
            "" if since is None else since.offset,
            int(query.reverse),
        )
        call = Call(HISTORY, keys.slot, (keys.meta, keys.log), args, is_repeatable=True)
        offset, epoch, entries = await self._buses.call(call)
        position = StreamPosition(int(offset), epoch.decode())
        feed = self._feeds.get(channel)
        if feed is not None and feed.learn(position) and feed.is_attached:  # else it is read anyhow once it is
            self._catch_up.watch(feed, position)
        return History(publications_in(entries), position)

    async def remove_history(self, channel: str) -> None:
        keys = self._keys.of(channel)
        await self._buses.call(Call(CLEAR, keys.slot, (keys.log,), ()))

    # --- presence ---------------------------------------------------------------------------------------------------

    async def add_presence(self, channel: str, client_id: str, info: ClientInfo, ttl_s: float) -> None:
        args = (client_id, presence_value(info.user, encode(info)), info.user, milliseconds(ttl_s))
        await self._buses.call(_presence_call(PRESENCE_ADD, self._keys.of(channel), args))

    async def remove_presence(
        self,
        channel: str,
        client_id: str,
        user: str,  # noqa: ARG002  the port's: here it is known from the lease
    ) -> None:
        await self._buses.call(_presence_call(PRESENCE_REMOVE, self._keys.of(channel), (client_id,)))

    async def presence(self, channel: str) -> Mapping[str, ClientInfo]:
        answer = await self._buses.call(_presence_call(PRESENCE_LIST, self._keys.of(channel), ()))
        pairs = iter(answer)
        return {client.decode(): info_of(value) for client, value in zip(pairs, pairs, strict=True)}

    async def presence_stats(self, channel: str) -> PresenceStats:
        num_clients, num_users = await self._buses.call(_presence_call(PRESENCE_STATS, self._keys.of(channel), ()))
        return PresenceStats(num_clients, num_users)

    # --- listening --------------------------------------------------------------------------------------------------

    async def subscribe(self, channel: str) -> None:
        feed = self._feeds.get(channel)
        if feed is None:
            feed = self._feeds[channel] = Feed(channel, self._keys.of(channel), self._context)
            self._buses.attach(feed)
        try:
            async with asyncio.timeout(self._timeout_s):
                await feed.until_attached()
        except BaseException as exc:
            if not feed.is_attached and self._feeds.get(channel) is feed:
                self._drop(feed)
            if isinstance(exc, TimeoutError):
                raise EngineUnavailable("Redis did not confirm a subscription in time") from exc
            raise

    async def unsubscribe(self, channel: str) -> None:
        feed = self._feeds.get(channel)
        if feed is not None:
            self._drop(feed)

    def _drop(self, feed: Feed) -> None:
        del self._feeds[feed.channel]
        self._buses.detach(feed)
        self._catch_up.discard(feed)
        feed.discard_held()
        feed.forget()

    # --- between nodes ----------------------------------------------------------------------------------------------

    async def control(self, message: bytes, node: str = "") -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                if node:
                    await self._send_to(node, message)
                else:
                    await self._control.send(message)
        except TimeoutError as exc:
            raise EngineUnavailable("Redis did not take a control message in time") from exc

    async def _send_to(self, node: str, message: bytes) -> None:
        keys = self._keys.system(f"node:{node}")
        await self._buses.call(Call(ANNOUNCE, keys.slot, (keys.meta,), (self._verb, keys.doorbell, message)))

    async def announce(self, node: NodeInfo) -> None:
        args = (node.uid, presence_value("", encode(node)), "", self._node_lease_ms)
        await self._buses.call(_presence_call(PRESENCE_ADD, self._keys.system(NODES_CHANNEL), args))

    async def leave(self) -> None:
        """End this node's lease at once: the others do not list it any more."""
        await self._buses.call(_presence_call(PRESENCE_REMOVE, self._keys.system(NODES_CHANNEL), (self._node_uid,)))

    async def nodes(self) -> list[NodeInfo]:
        answer = await self._buses.call(_presence_call(PRESENCE_LIST, self._keys.system(NODES_CHANNEL), ()))
        return [decode_node(value.partition(b":")[2]) for value in answer[1::2]]

    # --- what is to be seen from outside ----------------------------------------------------------------------------

    def health(self) -> EngineHealth:
        now_s = self._clock.monotonic_s()
        buses = self._buses.all
        if not buses:
            return EngineHealth(False, float("inf"), float("inf"))
        return EngineHealth(
            all(bus.commands is not None and bus.is_listening for bus in buses),
            _of_most(now_s - bus.answered_at_s for bus in buses),
            _of_most(now_s - bus.canary.back_at_s for bus in buses),
        )

    def control_age_s(self) -> float:
        """Seconds since a control message of another node could last have been heard: asked for now and then."""
        heard_at_s = self._buses.heard_at_s(self._control.slot)
        if heard_at_s is not None and self._control.is_listening:
            self._control_heard_at_s = max(self._control_heard_at_s, heard_at_s)
        return self._clock.monotonic_s() - self._control_heard_at_s

    def measures(self) -> dict[str, float]:
        """Everything counted here and now, by name."""
        context = self._context
        return {
            "redis_in_flight": self._buses.in_flight,
            "redis_waiting": self._buses.num_waiting,
            "redis_resent": self._buses.resent,
            "redis_channels": len(self._feeds),
            "redis_channels_in_doubt": len(self._catch_up),
            "redis_held": context.num_held,
            "redis_gaps": context.gaps,
            "redis_fetched": self._catch_up.fetched,
            **{kind: float(number) for kind, number in self._complaints.counts.items()},
        }

    def histograms(self) -> dict[str, Histogram]:
        """Distributions, by name."""
        return {"engine_round_trip_s": self._buses.round_trip_s}

    # --- inside -----------------------------------------------------------------------------------------------------

    def _on_control(self, message: bytes) -> None:
        self._listener.on_control(message)

    def _on_lapse(self) -> None:
        """Before anything that came meanwhile is looked at. What the links have buffered goes with them."""
        self._complaints.add("redis_lapse")
        self._listener.on_lapse()
        for feed in self._feeds.values():
            feed.forget()
        self._buses.replace_subscribers("this node was not running")


def _of_most(ages_s: Iterable[float]) -> float:
    """The age that more than half of them are not above."""
    in_order = sorted(ages_s)
    return in_order[len(in_order) // 2]


def _outcome(offset: int, epoch: bytes, is_suppressed: int) -> PublishOutcome:
    position = StreamPosition(offset, epoch.decode()) if epoch else None
    return PublishOutcome(position, is_suppressed == 1)


def _presence_call(script: Any, keys: ChannelKeys, args: tuple[bytes | str | int, ...]) -> Call:
    return Call(script, keys.slot, (keys.clients, keys.leases, keys.users), args, is_repeatable=True)


@asynccontextmanager
async def open_redis_engine(
    config: RedisConfig,
    clock: Clock,
    *,
    node_uid: str,
    history_meta_ttl_s: float = 720 * 3600,
    node_lease_s: float = 9,
    lapse_after_s: float = 6,
) -> AsyncIterator[RedisEngine]:
    """An engine whose servers can be reached at this moment; its tasks are the caller's to run.

    Raises:
        EngineUnavailable: nobody answers, or lets us in; the text says who and why.
        ValueError: the configuration contradicts itself; the text names the option.
    """
    topology = choose_topology(config, clock)
    try:
        await check_reachable(config, clock, topology)
        yield RedisEngine(
            config,
            clock,
            topology,
            node_uid=node_uid,
            history_meta_ttl_s=history_meta_ttl_s,
            node_lease_s=node_lease_s,
            lapse_after_s=lapse_after_s,
        )
    finally:
        await topology.close()
