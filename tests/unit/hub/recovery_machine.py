"""A node with everything that can happen to it, and clients that check what they are told (REC-1, POS-1).

Everything is real but the transports, the SDKs and the time. Rules act in the middle of a tick, of a join, of a
departure; `GatedEngine` keeps calls and announcements under way. What must hold is in `sdk_model`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hub.config import ChannelConfig, ChannelOptions, ClientConfig, HubConfig, PersonalChannelConfig
from hub.control_operations import DisconnectUser, SubscribeUser, UnsubscribeUser
from hub.engine import HistoryQuery, PublishOptions, PublishOutcome
from hub.errors import ReplyError
from hub.hub import Hub
from hub.protocol.messages import Publication, StreamPosition
from hub.publishing import PLAINLY, How
from hub.supervisor import Supervisor
from tests.unit.hub.gated_engine import GatedEngine
from tests.unit.hub.sdk_client import SDKClient
from tests.unit.hub.sdk_model import Kind, Log, Phase, Place, SDKSubscription, Wanted
from tests.unit.hub.virtual_time import VirtualLoop, idle, pass_time

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from hub.clock import Clock
    from hub.control_operations import Operation

HISTORY: dict[str, Any] = {"history_size": 4, "history_ttl_s": 20, "history_meta_ttl_s": 40}
OPEN: dict[str, Any] = {"allow_subscribe_for_client": True, "allow_publish_for_client": True}
PRESENT: dict[str, Any] = {"presence": True, "join_leave": True, "force_push_join_leave": True}
RECOVERY_LIMIT = 3

NAMESPACES = {
    "stream": ChannelOptions(**HISTORY, **OPEN, **PRESENT, force_recovery=True),
    "cache": ChannelOptions(**HISTORY, **OPEN, force_recovery=True, force_recovery_mode="cache"),
    "auto": ChannelOptions(
        **HISTORY, **OPEN, force_recovery=True, force_recovery_mode="cache", auto_cache_recover=True
    ),
    "positioned": ChannelOptions(**HISTORY, **OPEN, force_positioning=True),
    "loose": ChannelOptions(**HISTORY, **OPEN),
    "plain": ChannelOptions(**OPEN, **PRESENT),
}
KINDS = {
    "stream:1": Kind.STREAM,
    "cache:1": Kind.CACHE,
    "auto:1": Kind.AUTO_CACHE,
    "positioned:1": Kind.POSITIONED,
    "loose:1": Kind.LOOSE,
    "plain:1": Kind.PLAIN,
}
BY_BACKEND = "stream:by-backend"

HUB_CONFIG = HubConfig(
    client=ClientConfig(
        ping_interval_s=0,
        command_rate_limit_per_s=0,
        recovery_max_publication_limit=RECOVERY_LIMIT,
        queue_max_size_bytes=70_400,
        subscribe_to_user_personal_channel=PersonalChannelConfig(enabled=True, personal_channel_namespace="stream"),
    ),
    channel=ChannelConfig(namespaces=NAMESPACES),
)
FULL = 70_000
"""Bytes in a socket's buffer that make it congested; few more bring it to its bound."""

LONG_S = 45
"""Longer than the meta TTL: streams that nobody reads, or can read, begin anew."""

USERS = {"ann-1": "ann", "ann-2": "ann", "bob-1": "bob"}
CLIENTS = st.sampled_from(sorted(USERS))
# The more often named, the more happens to it.
CHANNELS = st.sampled_from([*["stream:1"] * 5, *["cache:1"] * 2, *["positioned:1"] * 2, "auto:1", "loose:1", "plain:1"])
LOGGED = st.sampled_from([*["stream:1"] * 3, "cache:1", "auto:1", "positioned:1", "stream:#ann"])
RESUMES = st.sampled_from(["own"] * 4 + ["fresh", "stale", "future", "another epoch", "underscore", "any epoch"])
PUBLISHED = CHANNELS | st.sampled_from(["stream:1", "stream:#ann", "stream:#bob", BY_BACKEND])

EVENTS = st.sampled_from(
    [*["pass"] * 6, *["publish"] * 3, "publish more", "live only", "announce", "lag", "remove history", "turn", "lose"]
)
"""What may happen between two steps of a join."""


class LoggingEngine(GatedEngine):
    """Writes down every publication when it takes effect."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.log = Log()

    async def publish(self, channel: str, publication: Publication, options: PublishOptions) -> PublishOutcome:
        outcome = await super().publish(channel, publication, options)
        position = outcome.position or StreamPosition()
        self.log.add(channel, Place(position.offset, position.epoch), int(bytes(publication.data or b"")))
        return outcome


class RecoveryMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.engine = LoggingEngine(self.loop.clock)
        self.clients = {name: self.new_client(name, user) for name, user in USERS.items()}
        self.num_published = 0
        self.disturbed: set[str] = set()
        self.backend_calls: set[asyncio.Task[None]] = set()
        self.is_hasty = False
        self.unread_s = 0.0
        self.supervisor = Supervisor()
        self.hub = self.run(self.start())

    def new_client(self, name: str, user: str) -> SDKClient:
        client = SDKClient(name, user, {}, self.engine.readings)
        client.subs = {channel: self.new_subscription(channel, kind) for channel, kind in KINDS.items()}
        for channel in (f"stream:#{user}", BY_BACKEND):
            client.server_subs[channel] = self.new_subscription(channel, Kind.STREAM)
        return client

    def new_subscription(self, channel: str, kind: Kind) -> SDKSubscription:
        return SDKSubscription(channel, kind, self.engine.log, RECOVERY_LIMIT)

    async def start(self) -> Hub:
        hub = Hub(HUB_CONFIG, self.engine, self.loop.clock)
        await self.supervisor.__aenter__()
        for name, work in hub.tasks():
            self.supervisor.start(name, work)
        return hub

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        try:
            self.quiesce()
            self.everybody_leaves()
        finally:
            self.run(self.end())
            self.loop.close()

    async def end(self) -> None:
        """Also after a failure, with whatever is still under way."""
        await self.supervisor.__aexit__(None, None, None)
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        self.engine.is_gated = False
        await asyncio.gather(*rest, return_exceptions=True)

    # --- clients ----------------------------------------------------------------------------------------------------

    @initialize(channels=st.lists(st.sets(CHANNELS, max_size=3), min_size=3, max_size=3))
    def begin(self, channels: list[set[str]]) -> None:
        for name, of_client in zip(USERS, channels, strict=True):
            self.reconnect(name, "fresh", {"stream:1", *of_client}, False)
        self.run(idle())

    @rule(name=CLIENTS, resume=RESUMES, more=st.sets(CHANNELS, max_size=3), rejects=st.booleans())
    def reconnect(self, name: str, resume: str, more: set[str], rejects: bool) -> None:
        """On a new link, with all that it was subscribed to before: one frame, as SDKs send it."""
        client = self.clients[name]
        was_subscribed = {channel for channel, sub in client.subs.items() if sub.phase is not Phase.UNSUBSCRIBED}
        client.cut()
        subscribes = [
            (channel, self.wanted(client.subs[channel], resume, rejects)) for channel in sorted(was_subscribed | more)
        ]
        by_server = {channel: self.place(sub, resume) for channel, sub in client.server_subs.items()}
        self.run(self.connect(client, by_server, subscribes))

    async def connect(
        self, client: SDKClient, by_server: dict[str, Place | None], subscribes: list[tuple[str, Wanted]]
    ) -> None:
        client.connect(self.hub, by_server, subscribes)

    @rule(name=CLIENTS, channel=CHANNELS, resume=RESUMES, rejects=st.booleans())
    def subscribe(self, name: str, channel: str, resume: str, rejects: bool) -> None:
        client = self.clients[name]
        sub = client.subs[channel]
        if client.link is None:
            self.reconnect(name, resume, {channel}, rejects)
        elif sub.phase is Phase.UNSUBSCRIBED:
            client.subscribe(channel, self.wanted(sub, resume, rejects))

    @rule(name=CLIENTS, channel=CHANNELS, resume=RESUMES, events=st.lists(EVENTS, max_size=12))
    def join_step_by_step(self, name: str, channel: str, resume: str, events: list[str]) -> None:
        """A join, and what happens to its channel meanwhile."""
        happen: dict[str, Callable[[], None]] = {
            "pass": lambda: self.pass_calls([0]),
            "publish": lambda: self.publish(channel, 1, False),
            "publish more": lambda: self.publish(channel, 3, False),
            "live only": lambda: self.publish(channel, 1, True),
            "announce": lambda: self.announce(1),
            "lag": lambda: self.lag(not self.engine.is_lagging),
            "remove history": lambda: self.remove_history(channel),
            "turn": lambda: self.turn(1),
            "lose": self.lose_an_announcement,
        }
        self.gate(True)
        self.reconnect(name, resume, {channel}, False)
        for event in events:
            happen[event]()
            self.clients_are_told_the_truth()
        self.gate(False)

    @rule()
    def return_as_told(self) -> None:
        """As SDKs do: connect anew, and subscribe again where the server ended it with a code that asks for that."""
        for name, client in self.clients.items():
            if client.link is None:
                self.reconnect(name, "own", {"stream:1"}, False)
            for channel, sub in client.subs.items():
                if sub.is_told_to_return and sub.phase is Phase.UNSUBSCRIBED:
                    client.subscribe(channel, self.wanted(sub, "own", False))

    @rule(name=CLIENTS, channel=CHANNELS)
    def unsubscribe(self, name: str, channel: str) -> None:
        client = self.clients[name]
        if client.link is not None and client.subs[channel].phase is not Phase.UNSUBSCRIBED:
            client.unsubscribe(channel)

    @rule(name=CLIENTS, channel=CHANNELS)
    def client_publishes(self, name: str, channel: str) -> None:
        client = self.clients[name]
        if client.link is not None:
            client.publish(channel, self.next_number())

    @rule(name=CLIENTS)
    def cut(self, name: str) -> None:
        self.clients[name].cut()

    @rule(name=CLIENTS, is_deaf=st.booleans())
    def stop_or_go_on_reading(self, name: str, is_deaf: bool) -> None:
        self.clients[name].is_deaf = is_deaf

    @rule(name=CLIENTS, is_full=st.booleans())
    def fill_or_drain_a_socket(self, name: str, is_full: bool) -> None:
        client = self.clients[name]
        if client.link is not None:
            client.link.transport.buffered = FULL if is_full else 0
            client.was_congested |= is_full

    def wanted(self, sub: SDKSubscription, resume: str, rejects: bool) -> Wanted:
        return Wanted(self.place(sub, resume), rejects)

    def place(self, sub: SDKSubscription, resume: str) -> Place | None:
        """Where a client says it stands: where it does, or anything else."""
        if resume == "underscore":
            return Place(0, "_")
        if sub.place is None or resume == "fresh" or not sub.kind.is_recoverable:
            return None
        offset, epoch = sub.place
        return {
            "own": sub.place,
            "stale": Place(max(0, offset - 2), epoch),
            "future": Place(offset + 2, epoch),
            "another epoch": Place(offset, "elsewhere"),
            "any epoch": Place(offset, ""),
        }[resume]

    # --- the backend ------------------------------------------------------------------------------------------------

    def next_number(self) -> int:
        self.num_published += 1
        return self.num_published

    @rule(channel=PUBLISHED, count=st.sampled_from([1, 1, 2, 5]), skip_history=st.sampled_from([False, False, True]))
    def publish(self, channel: str, count: int, skip_history: bool) -> None:
        """Within one tick."""
        self.run(self.publish_all(channel, count, How(skip_history=True) if skip_history else PLAINLY))

    async def publish_all(self, channel: str, count: int, how: How) -> None:
        for _ in range(count):
            await self.hub.publish(channel, b"%d" % self.next_number(), how=how)

    @rule(name=CLIENTS, recovers=st.booleans())
    def backend_subscribes(self, name: str, recovers: bool) -> None:
        client = self.clients[name]
        place = client.server_subs[BY_BACKEND].place
        operation = SubscribeUser(user=client.user, channel=BY_BACKEND)
        if recovers and place is not None:
            operation.recover_since = StreamPosition(place.offset, place.epoch)
        self.perform(operation)

    @rule(name=CLIENTS, channel=st.sampled_from(["", BY_BACKEND, "stream:1", "cache:1", "plain:1"]))
    def backend_unsubscribes(self, name: str, channel: str) -> None:
        self.perform(UnsubscribeUser(user=self.clients[name].user, channel=channel))

    @rule(name=CLIENTS)
    def backend_disconnects(self, name: str) -> None:
        self.perform(DisconnectUser(user=self.clients[name].user))

    def perform(self, operation: Operation) -> None:
        async def call() -> None:
            task = asyncio.get_running_loop().create_task(self.hub.control.perform(operation), name="backend")
            self.backend_calls.add(task)

        self.run(call())

    @rule(channel=LOGGED)
    def remove_history(self, channel: str) -> None:
        self.run(self.engine.remove_history(channel))

    # --- time and the engine ----------------------------------------------------------------------------------------

    @rule(turns=st.integers(1, 6))
    def turn(self, turns: int) -> None:
        async def take_turns() -> None:
            for _ in range(turns):
                await asyncio.sleep(0)

        self.run(take_turns())

    @rule()
    def let_it_run(self) -> None:
        self.run(idle())

    @rule(seconds=st.sampled_from([0.1, 1, 4, 7, 22, LONG_S]))
    def pass_time(self, seconds: float) -> None:
        self.unread_s += seconds if self.engine.is_gated or self.engine.waiting else 0
        if seconds == LONG_S or self.unread_s > LONG_S / 2:
            self.disturb_all()
        self.disturb_what_is_on_the_way()
        self.run(pass_time(seconds))
        self.disturb_what_is_on_the_way()

    @rule(is_gated=st.booleans())
    def gate(self, is_gated: bool) -> None:
        self.engine.is_gated = is_gated

    @rule(numbers=st.lists(st.integers(0, 5), min_size=1, max_size=8))
    def pass_calls(self, numbers: list[int]) -> None:
        for number in numbers:
            self.engine.pass_one(number)
            self.run(idle())

    @rule(is_lagging=st.booleans())
    def lag(self, is_lagging: bool) -> None:
        self.engine.is_lagging = is_lagging

    @rule(count=st.integers(1, 5))
    def announce(self, count: int) -> None:
        async def announce_some() -> None:
            for _ in range(count):
                self.engine.announce_one()

        self.run(announce_some())

    @rule()
    def lose_an_announcement(self) -> None:
        lost = self.engine.lose_one()
        if lost is not None:
            self.disturbed.add(lost.channel)

    @rule(is_meant=st.integers(0, 3))
    def lose_the_store(self, is_meant: int) -> None:
        if not is_meant:
            self.disturb_all()
            self.run(self.engine.start_over())

    def disturb_what_is_on_the_way(self) -> None:
        """What takes longer than the node's patience is taken for lost."""
        self.disturbed |= {announcement.channel for announcement in self.engine.on_the_way}

    def disturb_all(self) -> None:
        self.disturbed = {*KINDS, "stream:#ann", "stream:#bob", BY_BACKEND}

    # --- what must hold ---------------------------------------------------------------------------------------------

    @rule(is_hasty=st.booleans())
    def hurry(self, is_hasty: bool) -> None:
        """Whether the next rule may come before the loop has run what this one has begun."""
        self.is_hasty = is_hasty

    @invariant()
    def the_loop_runs(self) -> None:
        if not self.is_hasty:
            self.run(idle())

    @invariant()
    def clients_are_told_the_truth(self) -> None:
        for client in self.clients.values():
            client.read(self.on_end)

    @invariant()
    def nothing_fails_by_its_own_fault(self) -> None:
        assert self.hub.counters.handler_failures == 0
        assert len(self.supervisor.task_names) == NUM_TASKS

    @invariant()
    def aborted_transports_end(self) -> None:
        for client in self.clients.values():
            if client.link is not None and client.link.transport.is_aborted:
                client.cut()

    def on_end(self, client: SDKClient, channel: str, code: int) -> None:
        """The server has ended a subscription, or with channel "" a link."""
        if code in (2500, 3010):
            assert self.disturbed & ({channel} if channel else set(client.server_subs)), "no reason to resynchronise"
        elif code == 3008:
            assert client.was_congested
        else:
            assert code in (2000, 3502, 3503)

    @rule()
    def quiesce(self) -> None:
        """When nothing is under way any more, everybody has everything."""
        self.engine.is_gated = self.engine.is_lagging = False
        while self.engine.on_the_way:
            self.announce(1)
        while self.engine.waiting:
            self.pass_calls([0])
        for client in self.clients.values():
            client.is_deaf = False
            self.fill_or_drain_a_socket(client.name, False)
        self.run(pass_time(31))
        self.clients_are_told_the_truth()
        self.run(idle())
        for client in self.clients.values():
            self.require_complete(client)
        self.require_presence()
        self.disturbed.clear()
        self.unread_s = 0
        self.require_calls_done()

    def require_complete(self, client: SDKClient) -> None:
        assert not client.has_unanswered_commands
        for sub in (*client.subs.values(), *client.server_subs.values()):
            assert sub.phase is not Phase.SUBSCRIBING
            if sub.phase is Phase.SUBSCRIBED and sub.kind.is_positioned:
                top = self.run(self.engine.inner.history(sub.channel, HistoryQuery(meta_ttl_s=40))).position
                assert sub.place == Place(top.offset, top.epoch), "it lacks something and was not told"

    def require_presence(self) -> None:
        for channel in ("stream:1", "plain:1"):
            present = self.run(self.engine.inner.presence(channel))
            expected = {
                client.link.connection.client_id
                for client in self.clients.values()
                if client.link is not None and client.subs[channel].phase is Phase.SUBSCRIBED
            }
            assert set(present) == expected

    def require_calls_done(self) -> None:
        calls, self.backend_calls = self.backend_calls, set()
        for call in calls:
            assert call.done()
            assert isinstance(call.exception(), ReplyError | None)

    def everybody_leaves(self) -> None:
        """Nothing of them stays."""
        for name in self.clients:
            self.cut(name)
        self.run(idle())
        hub = self.hub
        assert (hub.index.channels, hub.registry.num_clients, hub.registry.num_users) == ({}, 0, 0)
        assert (hub.index.num_subscriptions, hub.departures.num_waiting, hub.fan_out.congested) == (0, 0, {})
        assert self.engine.subscribed == set()
        assert self.engine.inner.holdings().presence_channels == 0


NUM_TASKS = 7
