"""A node with its clients, its backend and its engine, and what must hold of them (REC-1, POS-1).

Everything is real but the transports, the SDKs and the time.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from hub.config import ChannelConfig, ChannelOptions, ClientConfig, HubConfig, PersonalChannelConfig
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
    from collections.abc import Coroutine

    from hub.clock import Clock
    from hub.control_operations import Operation

META_TTL_S = 40
HISTORY: dict[str, Any] = {"history_size": 4, "history_ttl_s": 20, "history_meta_ttl_s": META_TTL_S}
OPEN: dict[str, Any] = {
    f"allow_{operation}_for_{who}": True for operation in ("subscribe", "publish") for who in ("client", "anonymous")
}
PRESENT: dict[str, Any] = {"presence": True, "join_leave": True, "force_push_join_leave": True}
CACHE: dict[str, Any] = {"force_recovery": True, "force_recovery_mode": "cache"}
RECOVERY_LIMIT = 3

NAMESPACES = {
    "stream": ChannelOptions(**HISTORY, **OPEN, **PRESENT, force_recovery=True),
    "cache": ChannelOptions(**HISTORY, **OPEN, **CACHE),
    "auto": ChannelOptions(**HISTORY, **OPEN, **CACHE, auto_cache_recover=True),
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
WITH_PRESENCE = ("stream:1", "plain:1")
USERS = {"ann-1": "ann", "ann-2": "ann", "bob-1": "bob"}
BY_BACKEND = "stream:by-backend"
SERVER_SIDE = ("stream:#ann", "stream:#bob", BY_BACKEND)

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


class World:
    """All of it.

    Args:
        users: the clients' names, and who they are; "" is anonymous and has no personal channel.

    Attributes:
        disturbed: channels of which something was lost, so that clients may be told to resynchronise.
    """

    def __init__(self, users: dict[str, str] = USERS) -> None:
        self.loop = VirtualLoop()
        self.engine = LoggingEngine(self.loop.clock)
        self.clients = {name: self._client(name, user) for name, user in users.items()}
        self.disturbed: set[str] = set()
        self._unread_s = 0.0
        self._num_published = 0
        self._backend_calls: set[asyncio.Task[None]] = set()
        self._supervisor = Supervisor()
        self.hub: Hub = self.run(self._start())
        self._num_tasks = len(self._supervisor.task_names)

    def _client(self, name: str, user: str) -> SDKClient:
        client = SDKClient(name, user, {}, self.engine.readings)
        client.subs = {channel: self._subscription(channel, kind) for channel, kind in KINDS.items()}
        for channel in (f"stream:#{user}", BY_BACKEND):
            client.server_subs[channel] = self._subscription(channel, Kind.STREAM)
        return client

    def _subscription(self, channel: str, kind: Kind) -> SDKSubscription:
        return SDKSubscription(channel, kind, self.engine.log, RECOVERY_LIMIT)

    async def _start(self) -> Hub:
        hub = Hub(HUB_CONFIG, self.engine, self.loop.clock)
        await self._supervisor.__aenter__()
        for name, work in hub.tasks():
            self._supervisor.start(name, work)
        return hub

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    def end(self) -> None:
        """Also after a failure, with whatever is still under way."""
        self.run(self._end())
        self.loop.close()

    async def _end(self) -> None:
        await self._supervisor.__aexit__(None, None, None)
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        self.engine.is_gated = False
        await asyncio.gather(*rest, return_exceptions=True)

    # --- what happens -----------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Everything runs that can run without time passing, and the clients read."""
        self.run(idle())
        self.read_all()

    def run_idle_unless(self, is_hasty: bool) -> None:
        if not is_hasty:
            self.run(idle())

    def turn(self, turns: int) -> None:
        async def take_turns() -> None:
            for _ in range(turns):
                await asyncio.sleep(0)

        self.run(take_turns())

    def pass_time(self, seconds: float) -> None:
        self._unread_s += seconds if self.engine.is_gated or self.engine.waiting else 0
        if seconds > META_TTL_S or self._unread_s > META_TTL_S / 2:
            self.disturb_all()
        self._disturb_what_is_on_the_way()
        self.run(pass_time(seconds))
        self._disturb_what_is_on_the_way()

    def disturb_all(self) -> None:
        self.disturbed = {*KINDS, *SERVER_SIDE}

    def _disturb_what_is_on_the_way(self) -> None:
        """What takes longer than the node's patience is taken for lost."""
        self.disturbed |= {announcement.channel for announcement in self.engine.on_the_way}

    def connect(
        self, client: SDKClient, by_server: dict[str, Place | None], subscribes: list[tuple[str, Wanted]]
    ) -> None:
        async def open_link() -> None:
            client.connect(self.hub, by_server, subscribes)

        self.run(open_link())

    def next_number(self) -> int:
        self._num_published += 1
        return self._num_published

    def publish(self, channel: str, count: int, *, skip_history: bool = False) -> None:
        """Within one tick."""
        how = How(skip_history=True) if skip_history else PLAINLY

        async def publish_all() -> None:
            for _ in range(count):
                await self.hub.publish(channel, b"%d" % self.next_number(), how=how)

        self.run(publish_all())

    def perform(self, operation: Operation) -> None:
        """A call of the backend that takes its time."""

        async def call() -> None:
            work = self.hub.control.perform(operation)
            self._backend_calls.add(asyncio.get_running_loop().create_task(work, name="backend"))

        self.run(call())

    def pass_calls(self, numbers: list[int]) -> None:
        """Let calls of the engine take a step each."""
        for number in numbers:
            self.engine.pass_one(number)
            self.run(idle())

    def announce(self, count: int) -> None:
        async def announce_some() -> None:
            for _ in range(count):
                self.engine.announce_one()

        self.run(announce_some())

    def lose_an_announcement(self) -> None:
        lost = self.engine.lose_one()
        if lost is not None:
            self.disturbed.add(lost.channel)

    def lose_the_store(self) -> None:
        self.disturb_all()
        self.run(self.engine.start_over())

    # --- what must hold ---------------------------------------------------------------------------------------------

    def read_all(self) -> None:
        """The clients take in, and check, what they have been told."""
        for client in self.clients.values():
            client.read(self._on_end)
            if client.link is not None and client.link.transport.is_aborted:
                client.cut()

    def _on_end(self, client: SDKClient, channel: str, code: int) -> None:
        """The server has ended a subscription, or with channel "" a link."""
        if code in (2500, 3010):
            concerned = {channel} if channel else {*client.subs, *client.server_subs}
            # Of two who join while their histories overtake announcements, the later may be ahead of the earlier.
            assert (self.disturbed | self.engine.overtaken) & concerned, "no reason to resynchronise"
        elif code == 3008:
            assert client.was_congested
        else:
            assert code in (2000, 3502, 3503)

    def require_health(self) -> None:
        assert self.hub.counters.handler_failures == 0
        assert len(self._supervisor.task_names) == self._num_tasks

    def quiesce(self) -> None:
        """When nothing is under way any more, everybody has everything."""
        self.engine.is_gated = self.engine.is_lagging = False
        while self.engine.on_the_way:
            self.announce(1)
        while self.engine.waiting:
            self.pass_calls([0])
        for client in self.clients.values():
            client.is_deaf = False
            client.fill_socket(0)
        self.run(pass_time(31))  # time for the node to miss an announcement, and to renew a presence
        self.settle()
        for client in self.clients.values():
            self._require_complete(client)
        self._require_presence()
        self._require_calls_done()
        self.disturbed.clear()
        self.engine.overtaken.clear()
        self._unread_s = 0

    def _require_complete(self, client: SDKClient) -> None:
        assert not client.has_unanswered_commands
        for sub in (*client.subs.values(), *client.server_subs.values()):
            assert sub.phase is not Phase.SUBSCRIBING
            if sub.phase is Phase.SUBSCRIBED and sub.kind.is_positioned:
                top = self.run(self.engine.inner.history(sub.channel, HistoryQuery(meta_ttl_s=META_TTL_S))).position
                assert sub.place == Place(top.offset, top.epoch), "it lacks something and was not told"

    def _require_presence(self) -> None:
        for channel in WITH_PRESENCE:
            present = self.run(self.engine.inner.presence(channel))
            expected = {
                client.link.connection.client_id
                for client in self.clients.values()
                if client.link is not None and client.subs[channel].phase is Phase.SUBSCRIBED
            }
            assert set(present) == expected

    def _require_calls_done(self) -> None:
        calls, self._backend_calls = self._backend_calls, set()
        for call in calls:
            assert call.done()
            assert isinstance(call.exception(), ReplyError | None)

    def everybody_leaves(self) -> None:
        """Nothing of them stays."""
        for client in self.clients.values():
            client.cut()
        self.run(idle())
        hub = self.hub
        assert (hub.index.channels, hub.registry.opened, hub.registry.num_clients, hub.registry.num_users) == (
            {},
            {},
            0,
            0,
        )
        assert (hub.index.num_subscriptions, hub.departures.num_waiting, hub.fan_out.congested) == (0, 0, {})
        assert self.engine.subscribed == set()
        assert self.engine.inner.holdings().presence_channels == 0
