"""A session's end reaches every connection of it, on every node, at every moment; and nobody else."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from msgspec import UNSET

from hub.protocol import codes
from sessions.identifiers import new_id
from sessions.login_sessions import DeviceInfo
from sessions.refusal import Kind, Refusal
from storage.database import Query, StorageUnavailable
from tests.support.patience import eventually
from tests.support.session_world import LAPTOP, PHONE, Peer, SessionNode, SessionWorld

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from sessions.login_session import LoginSession
    from sessions.session_ending import Together
    from storage.database import Row, Storage, Transaction, Value

REVOKED = codes.SESSION_REVOKED

_WRITE = Query("test.write", "INSERT INTO facts (name, value) VALUES ('test', $1)")
_WRITTEN = Query("test.written", "SELECT value FROM facts WHERE name = 'test'")


@pytest.fixture
def world(storage: Storage) -> SessionWorld:
    return SessionWorld(storage)


async def test_exactly_the_connections_of_the_session_are_closed(world: SessionWorld) -> None:
    """50 sessions of one user with 3 connections each, on two nodes."""
    nodes = [await world.node() for _ in range(2)]
    async with nodes[0].running(), nodes[1].running():
        peers: dict[str, list[Peer]] = {}
        for number in range(50):
            tokens = await nodes[0].log_in(world.user, DeviceInfo(f"device-{number}"))
            peers[tokens.session.id] = [await nodes[n % 2].connected(tokens) for n in range(3)]
        counts = {session.id: count for session, count in await nodes[0].sessions.list(world.user)}
        assert counts == dict.fromkeys(peers, 3)
        first, ended = next(iter(peers)), list(peers)[20]
        await nodes[0].sessions.revoke(world.user, ended, "revoked", actor=world.user)
        await eventually(lambda: all(peer.goodbye == REVOKED for peer in peers[ended]))
        closed = Counter(sid for sid, group in peers.items() for peer in group if peer.goodbye)
        assert closed == {ended: 3}
        measured = [node.hub.histograms["revocation_s"] for node in nodes]
        await eventually(lambda: [histogram.count for histogram in measured] == [1, 1])  # once a node, not a connection
        assert await nodes[1].sessions.revoke_others(world.user, first, "revoked", actor=world.user) == 48
        await eventually(lambda: sum(peer.goodbye == REVOKED for group in peers.values() for peer in group) == 147)
        assert [peer.goodbye for peer in peers[first]] == [None] * 3


async def test_the_other_devices_are_told(world: SessionWorld) -> None:
    node = await world.node()
    async with node.running():
        witness = await node.connected(await node.log_in(world.user, LAPTOP))
        phone = (await node.log_in(world.user, PHONE)).session
        (created,) = await eventually(lambda: of_session(witness, "session.created", phone.id))
        assert created["session"] == {
            "id": phone.id,
            "device_id": PHONE.id,
            "name": PHONE.name,
            "platform": PHONE.platform,
            "address": phone.address,
            "method": "password",
            "created_at": phone.created_ms,
            "last_seen_at": phone.last_seen_ms,
            "expires_at": phone.expires_ms,
        }
        await node.sessions.rename(world.user, phone.id, "old phone", actor=world.user)
        (updated,) = await eventually(lambda: witness.events("session.updated"))
        assert updated["session"] == created["session"] | {"name": "old phone"}
        await node.sessions.revoke(world.user, phone.id, "administrator", actor="admin")
        (revoked,) = await eventually(lambda: witness.events("session.revoked"))
        assert revoked == {
            "type": "session.revoked",
            "sid": phone.id,
            "reason": "administrator",
            "at": int(world.clock.now_s() * 1000),
        }


def of_session(peer: Peer, kind: str, sid: str) -> list[dict[str, Any]]:
    return [event for event in peer.events(kind) if event["session"]["id"] == sid]


# --- when the message does not come ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ends", ["revoke_all", "revoke_others", "set_roles"])
async def test_what_sessions_end_for_is_done_with_it_or_not_at_all(world: SessionWorld, ends: str) -> None:
    node = await world.node()
    tokens = await node.log_in(world.user)
    peer = await node.connected(tokens)
    sessions = node.sessions
    calls: dict[str, Callable[[Together], Coroutine[object, object, object]]] = {
        "revoke_all": lambda why: sessions.revoke_all(world.user, "disabled", actor="root", together=why),
        "revoke_others": lambda why: sessions.revoke_others(world.user, "", "disabled", actor="root", together=why),
        "set_roles": lambda why: sessions.set_roles(world.user, frozenset({"VENDOR"}), together=why),
    }

    async def write(tx: Transaction) -> None:
        await tx.execute(_WRITE, "why")

    async def fail(tx: Transaction) -> None:
        await write(tx)
        raise Refusal(Kind.CONFLICT, "not_now")

    with pytest.raises(Refusal):
        await calls[ends](fail)
    assert await world.storage.auth.fetch(_WRITTEN) == []
    assert peer.goodbye is None
    await node.refresh(tokens.refresh_token)
    await calls[ends](write)
    assert await world.storage.auth.fetch(_WRITTEN) == [("why",)]
    assert peer.goodbye in {codes.SESSION_REVOKED, codes.CONNECTION_EXPIRED}


async def test_a_lost_control_message_delays_by_one_look(world: SessionWorld) -> None:
    nodes = [await world.node() for _ in range(2)]
    tokens = await nodes[0].log_in(world.user)
    world.bus.loses_control = True
    peer = await nodes[1].connected(tokens)
    await nodes[0].sessions.revoke(world.user, tokens.session.id, "revoked", actor=world.user)
    assert peer.close_code == 0
    await nodes[1].sessions._feed.poll()
    assert peer.close_code == REVOKED.code
    assert (await nodes[1].connect(tokens)).goodbye == REVOKED


async def test_an_engine_that_is_away_does_not_keep_a_session_alive(world: SessionWorld) -> None:
    nodes = [await world.node() for _ in range(2)]
    tokens = await nodes[0].log_in(world.user)
    peers = [await node.connected(tokens) for node in nodes]
    world.bus.is_down = True
    await nodes[0].sessions.revoke(world.user, tokens.session.id, "revoked", actor=world.user)
    assert [peer.close_code for peer in peers] == [3590, 0]
    assert nodes[0].hub.measures()["revocations_untold"] == 1
    await nodes[1].sessions._feed.poll()
    assert peers[1].goodbye == REVOKED


async def _is_told_and_written_alike(node: SessionNode, peer: Peer, session: LoginSession) -> bool:
    """A commit that was cut off may still come to pass on the server, a moment after its connection has gone."""
    await node.sessions._feed.poll()
    live = {each.id for each, _ in await node.sessions.list(session.user_id)}
    return (peer.goodbye is None) == (session.id in live)


async def test_a_request_cancelled_at_any_moment_ends_the_session_or_does_nothing(world: SessionWorld) -> None:
    node = await world.node()
    ended = 0
    for awaits in (*range(40), *(100 * 2**step for step in range(12))):
        if awaits >= 40 and ended:
            break  # the later moments are for a machine on which the database takes its time
        tokens = await node.log_in(world.user)
        peer = await node.connected(tokens)
        work = asyncio.create_task(node.sessions.revoke(world.user, tokens.session.id, "revoked", actor=world.user))
        for _ in range(awaits):
            await asyncio.sleep(0)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await node.log_in(world.user)  # what was under way before it is done, or cut off
        await eventually(partial(_is_told_and_written_alike, node, peer, tokens.session))
        ended += peer.goodbye is not None
    assert ended, "some were late enough"


async def test_a_node_that_starts_knows_what_was_revoked_before(world: SessionWorld) -> None:
    first = await world.node()
    tokens = await first.log_in(world.user)
    world.clock.advance(1)
    await first.sessions.revoke(world.user, tokens.session.id, "revoked", actor=world.user)
    world.clock.advance(290)
    later = await world.node()
    assert (await later.connect(tokens)).goodbye == REVOKED
    with pytest.raises(Refusal, match="session_revoked"):
        await later.sessions.authenticate(tokens.access_token)


async def test_what_the_memory_forgets_no_token_remembers(world: SessionWorld) -> None:
    """Bounded by the life of access tokens: then there is nothing left that could name the session."""
    node = await world.node()
    tokens = await node.log_in(world.user)
    await node.sessions.revoke(world.user, tokens.session.id, "revoked", actor=world.user)
    for _ in range(30):
        world.clock.advance(60)
        with pytest.raises(Refusal):
            await node.sessions.authenticate(tokens.access_token)
        other = await node.log_in(world.user)
        await node.sessions.revoke(world.user, other.session.id, "revoked", actor=world.user)
        await node.sessions._feed.poll()
        assert len(node.sessions._revocations) <= 16, "two generations of 365 s, one session per minute"


# --- at every moment of a connect -----------------------------------------------------------------------------------


@pytest.mark.parametrize("storage_config", ["sqlite"], indirect=True)
async def test_a_revocation_while_connecting_leaves_no_connection(world: SessionWorld) -> None:
    """The connect stops before and after each call of the engine; the session ends at each of these moments in turn."""
    node = await world.node()
    stops_seen = 0
    async with node.running(without=("sessions.revocations",)):
        for moment in range(12):
            tokens = await node.log_in(world.user)
            peer, gate = Peer(node.hub), Gate(node.engine)
            connecting = asyncio.create_task(peer.call("connect", token=tokens.access_token))
            for _ in range(moment):
                await gate.pass_one(connecting)
            stops_seen = max(stops_seen, gate.num_passed)
            await node.sessions.revoke(world.user, tokens.session.id, "revoked", actor=world.user)
            gate.open()
            await connecting
            assert peer.goodbye == REVOKED, moment
            await peer.vanish()
            assert node.hub.registry.num_clients == 0
            channel = f"sessions:#{world.user}"
            await eventually(lambda: node.hub.departures.num_waiting == 0)
            assert await node.engine.presence(channel) == {}, moment
    assert stops_seen >= 6, "subscribe, history and presence, before and after"


@pytest.mark.parametrize("storage_config", ["sqlite"], indirect=True)
async def test_a_change_of_roles_while_connecting_leaves_no_connection_with_the_old_ones(world: SessionWorld) -> None:
    node = await world.node()
    async with node.running(without=("sessions.revocations",)):
        for moment in range(8):
            tokens = await node.log_in(world.user)
            peer, gate = Peer(node.hub), Gate(node.engine)
            connecting = asyncio.create_task(peer.call("connect", token=tokens.access_token))
            for _ in range(moment):
                await gate.pass_one(connecting)
            await node.sessions.set_roles(world.user, frozenset({f"ROLE-{moment}"}))
            gate.open()
            reply = await connecting
            told = reply.get("error", {}).get("code"), peer.close_code
            assert told in {(codes.TOKEN_EXPIRED.code, 0), (None, codes.CONNECTION_EXPIRED.code)}, moment
            await peer.vanish()


class Gate:
    """Lets the engine's calls of one connect go on one step at a time."""

    def __init__(self, engine: object) -> None:
        self._waiting: list[asyncio.Future[None]] = []
        self._engine = engine
        self._originals = {name: getattr(engine, name) for name in ("subscribe", "history", "add_presence")}
        self._is_open = False
        self.num_passed = 0
        for name, original in self._originals.items():
            setattr(engine, name, self._gated(original))

    def _gated(self, original: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def call(*values: object) -> object:
            await self._stop()
            result = await original(*values)
            await self._stop()
            return result

        return call

    async def _stop(self) -> None:
        if not self._is_open:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future

    async def pass_one(self, work: asyncio.Task[object]) -> None:
        """Wait until the connect stands at the gate, and let it through."""
        await eventually(lambda: self._waiting or work.done())
        if self._waiting:
            self.num_passed += 1
            self._waiting.pop().set_result(None)

    def open(self) -> None:
        self._is_open = True
        for future in self._waiting:
            future.set_result(None)
        self._waiting.clear()
        for name in self._originals:
            delattr(self._engine, name)


# --- refresh --------------------------------------------------------------------------------------------------------


async def test_a_connection_is_extended_by_tokens_of_its_own_session_only(world: SessionWorld) -> None:
    node = await world.node()
    tokens, other = await node.log_in(world.user), await node.log_in(world.user)
    peer = await node.connected(tokens)
    world.clock.advance(100)
    renewed = await node.refresh(tokens.refresh_token)
    assert (await peer.call("refresh", token=renewed.access_token))["refresh"]["ttl"] == 300
    assert peer.connection.expire_at_s == world.clock.now_s() + 300
    await peer.call("refresh", token=other.access_token)
    assert peer.goodbye == codes.INVALID_TOKEN


async def test_a_refresh_after_the_end_says_why(world: SessionWorld) -> None:
    node = await world.node()
    tokens = await node.log_in(world.user)
    peer = await node.connected(tokens)
    node.sessions._revocations.add(tokens.session.id, world.clock.monotonic_s())
    await peer.call("refresh", token=tokens.access_token)
    assert peer.goodbye == REVOKED


# --- without the database -------------------------------------------------------------------------------------------


class Away:
    """A database that does not answer."""

    dialect = "sqlite"

    async def fetch(self, query: Query, *values: Value) -> list[Row]:
        raise StorageUnavailable

    fetch_one = run = fetch  # whatever is asked


async def test_without_the_database_who_is_in_stays_in(world: SessionWorld) -> None:
    node = await world.node()
    tokens = await node.log_in(world.user)
    peer = await node.connected(tokens)
    sessions = node.sessions
    for part in (sessions, sessions._ending, sessions._feed, sessions._last_seen, sessions._expiry, node.keys):
        part._database = Away()  # type: ignore[assignment]  # of each part
    async with node.running():
        await eventually(lambda: sessions._feed.failures > 2)
        assert peer.goodbye is None
        assert (await sessions.authenticate(tokens.access_token)).user == world.user
        assert (await node.connected(tokens)).goodbye is None
        with pytest.raises(StorageUnavailable):
            await node.refresh(tokens.refresh_token)
        with pytest.raises(StorageUnavailable):
            await sessions.revoke(world.user, tokens.session.id, "revoked", actor=world.user)
        world.clock.advance(306)
        with pytest.raises(Refusal, match="token_expired"):
            await sessions.authenticate(tokens.access_token)


# --- devices --------------------------------------------------------------------------------------------------------


async def test_a_device_is_online_from_its_first_connection_to_the_grace_after_its_last(world: SessionWorld) -> None:
    nodes = [await world.node() for _ in range(2)]
    without = ("sessions.devices",)
    async with nodes[0].running(without=without), nodes[1].running(without=without):
        witness = await nodes[0].connected(await nodes[0].log_in(world.user, LAPTOP))
        tokens = await nodes[0].log_in(world.user, PHONE)

        async def told() -> list[tuple[str, str]]:
            for node in nodes:
                await node.sessions._devices.tell_arrivals()
                await node.sessions._devices.tell_departures()
            await asyncio.sleep(0)
            kinds = [(event["type"], event["did"]) for event in witness.events() if "did" in event]
            return [event for event in kinds if event[1] == PHONE.id]

        online, offline = ("device.online", PHONE.id), ("device.offline", PHONE.id)
        first = await nodes[0].connected(tokens)
        assert await told() == [online]
        second = await nodes[1].connected(tokens)
        assert await told() == [online], "one of the other node's is no first one"
        await first.vanish()
        world.clock.advance(20)
        assert await told() == [online], "the other node has it"
        await second.vanish()
        world.clock.advance(9.9)
        assert await told() == [online]
        third = await nodes[1].connected(tokens)
        world.clock.advance(20)
        assert await told() == [online], "it came back within the grace"
        await third.vanish()
        world.clock.advance(10)
        assert await told() == [online, offline]
        await nodes[0].connected(tokens)
        assert await told() == [online, offline, online]


async def test_device_events_leave_no_trace_in_the_history(world: SessionWorld) -> None:
    node = await world.node()
    async with node.running():
        witness = await node.connected(await node.log_in(world.user, LAPTOP))
        await node.connected(await node.log_in(world.user, PHONE))
        await eventually(lambda: len(witness.events("device.online")) == 2)
        history = await node.hub.history(f"sessions:#{world.user}", limit=-1)
        assert not [event for event in history.publications if b"device.online" in bytes(event.data or b"")]


# --- the channel ----------------------------------------------------------------------------------------------------


async def test_nobody_follows_or_reads_the_channel_by_itself(world: SessionWorld) -> None:
    node = await world.node()
    stranger = await node.connected(await node.log_in(new_id()))
    channel = f"sessions:#{world.user}"
    assert (await stranger.call("subscribe", channel=channel))["error"]["code"] == 103
    for own in (channel, f"sessions:#{stranger.connection.user}"):
        assert (await stranger.call("publish", channel=own, data={}))["error"]["code"] == 103
        assert (await stranger.call("presence", channel=own))["error"]["code"] == 103
        assert (await stranger.call("history", channel=own, limit=1))["error"]["code"] == 103


async def test_the_presence_tells_session_and_device_and_no_secret(world: SessionWorld) -> None:
    node = await world.node()
    tokens = await node.log_in(world.user)
    await node.connected(tokens)
    (info,) = (await node.engine.presence(f"sessions:#{world.user}")).values()
    assert info.chan_info is not UNSET
    assert msgspec.json.decode(info.chan_info) == {"sid": tokens.session.id, "did": PHONE.id}
    assert info.conn_info is UNSET


async def test_a_device_that_comes_back_recovers_what_it_missed(world: SessionWorld) -> None:
    node = await world.node()
    async with node.running():
        tokens = await node.log_in(world.user, LAPTOP)
        peer = await node.connected(tokens)
        await eventually(lambda: peer.events("device.online"))
        channel = f"sessions:#{world.user}"
        top = (await node.hub.history(channel)).position
        await peer.vanish()
        await node.log_in(world.user, PHONE)
        await eventually(lambda: node.outbox.measures()["outbox_published"] >= 2)
        back = Peer(node.hub)
        since = {"recover": True, "epoch": top.epoch, "offset": top.offset}
        reply = await back.call("connect", token=tokens.access_token, subs={channel: since})
        sub = reply["connect"]["subs"][channel]
        assert sub["recovered"]
        assert "session.created" in [publication["data"]["type"] for publication in sub["publications"]]
