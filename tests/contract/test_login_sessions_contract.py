"""Login sessions on both databases: opened, listed, renamed, limited, ended, forgotten."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from sessions.identifiers import new_id
from sessions.login_sessions import DeviceInfo
from sessions.refusal import Kind, Refusal
from storage.database import Query
from tests.support.patience import eventually
from tests.support.session_world import CUSTOMER, HOME, LAPTOP, PHONE, TOKENS, SessionNode, SessionWorld

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from sessions.login_session import LoginSession
    from storage.database import Storage, Transaction

DAY_S = 86_400

_WAITING = Query("test.waiting", "SELECT 1 FROM pg_locks WHERE NOT granted")
_ROWS = Query("test.rows", "SELECT count(*) FROM refresh_tokens")


@pytest.fixture
def world(storage: Storage) -> SessionWorld:
    return SessionWorld(storage)


async def code_of(work: Awaitable[object]) -> str:
    with pytest.raises(Refusal) as caught:
        await work
    return caught.value.code


async def test_a_session_is_what_was_said_at_log_in(world: SessionWorld) -> None:
    node = await world.node()
    named = {"issuer": "https://id.example", "idp_subject": "ann", "idp_sid": "s1", "method": "external"}
    tokens = await node.log_in(world.user, PHONE, roles=frozenset({"VENDOR", "ADMIN"}), **named)
    ((session, connections),) = await node.sessions.list(world.user)
    assert session == tokens.session
    assert connections == 0
    assert (session.device_id, session.name, session.platform) == (PHONE.id, PHONE.name, PHONE.platform)
    assert (session.issuer, session.idp_subject, session.idp_sid, session.method) == (
        "https://id.example",
        "ann",
        "s1",
        "external",
    )
    assert session.address == HOME
    assert session.created_ms == session.last_seen_ms == world.clock.now_s() * 1000
    assert session.expires_ms == session.created_ms + 7 * DAY_S * 1000
    principal = await node.sessions.authenticate(tokens.access_token)
    assert (principal.user, principal.sid, principal.did) == (world.user, session.id, PHONE.id)
    assert principal.roles == {"VENDOR", "ADMIN"}
    assert tokens.expires_in_s == TOKENS.access_token_ttl_s


async def test_the_newest_session_comes_first(world: SessionWorld) -> None:
    node = await world.node()
    opened: list[LoginSession] = []
    for number in range(3):
        opened.append((await node.log_in(world.user, DeviceInfo(f"device-{number}"))).session)
        world.clock.advance(1)
    assert [session for session, _ in await node.sessions.list(world.user)] == opened[::-1]


async def test_users_see_and_touch_their_own_sessions_only(world: SessionWorld) -> None:
    node = await world.node()
    stranger = new_id()
    theirs = (await node.log_in(world.user)).session
    assert await node.sessions.list(stranger) == []
    assert await code_of(node.sessions.rename(stranger, theirs.id, "mine", actor=stranger)) == "not_found"
    assert await code_of(node.sessions.revoke(stranger, theirs.id, "revoked", actor=stranger)) == "not_found"
    assert await node.sessions.revoke_all(stranger, "revoked", actor=stranger) == 0
    assert len(await node.sessions.list(world.user)) == 1


async def test_a_session_can_be_renamed_until_it_ends(world: SessionWorld) -> None:
    node = await world.node()
    sid = (await node.log_in(world.user)).session.id
    renamed = await node.sessions.rename(world.user, sid, "Küche", actor=world.user)
    assert renamed.name == "Küche"
    assert [session for session, _ in await node.sessions.list(world.user)] == [renamed]
    await node.sessions.revoke(world.user, sid, "revoked", actor=world.user)
    assert await code_of(node.sessions.rename(world.user, sid, "late", actor=world.user)) == "not_found"


@pytest.mark.parametrize("name", ["x" * 65, "tab\tbed", "nul\x00", "bell\x07", "\u202eevil"])
async def test_a_name_is_short_and_printable(world: SessionWorld, name: str) -> None:
    node = await world.node()
    sid = (await node.log_in(world.user)).session.id
    with pytest.raises(Refusal) as caught:
        await node.sessions.rename(world.user, sid, name, actor=world.user)
    assert (caught.value.kind, caught.value.code, caught.value.field) == (Kind.INVALID, "invalid_field", "name")


# --- limits ---------------------------------------------------------------------------------------------------------


async def test_one_session_too_many_is_refused_where_that_is_the_policy(world: SessionWorld) -> None:
    node = await world.node(max_per_user=2, limit_policy="refuse")
    await node.log_in(world.user)
    first = (await node.log_in(world.user)).session
    with pytest.raises(Refusal) as caught:
        await node.log_in(world.user)
    assert (caught.value.kind, caught.value.code) == (Kind.CONFLICT, "session_limit")
    await node.sessions.revoke(world.user, first.id, "logout", actor=world.user)
    await node.log_in(world.user)


async def test_one_session_too_many_ends_the_oldest_where_that_is_the_policy(world: SessionWorld) -> None:
    node = await world.node(max_per_user=2, limit_policy="end_oldest")
    opened = []
    for _ in range(3):
        opened.append(await node.log_in(world.user))
        world.clock.advance(1)
    assert [session.id for session, _ in await node.sessions.list(world.user)] == [
        opened[2].session.id,
        opened[1].session.id,
    ]
    assert await code_of(node.sessions.authenticate(opened[0].access_token)) == "session_revoked"
    (entry,) = await world.actions(node, "session.revoked")
    assert (entry.session, entry.detail) == (opened[0].session.id, {"reason": "session_limit"})


@pytest.mark.parametrize("policy", ["refuse", "end_oldest"])
async def test_the_limit_holds_for_log_ins_at_once(world: SessionWorld, policy: Any) -> None:
    nodes = [await world.node(max_per_user=3, limit_policy=policy) for _ in range(2)]
    await asyncio.gather(*(nodes[n % 2].log_in(world.user) for n in range(10)), return_exceptions=True)
    assert len(await nodes[0].sessions.list(world.user)) == 3


async def test_what_admits_a_user_is_asked_inside_the_unit_of_work(world: SessionWorld) -> None:
    node = await world.node()

    async def promote(tx: Transaction) -> frozenset[str]:
        return frozenset({"ADMIN"})

    async def refuse(tx: Transaction) -> frozenset[str]:
        raise Refusal(Kind.UNAUTHORIZED, "invalid_credentials")

    assert (await node.log_in(world.user, admit=promote)).session.roles == {"ADMIN"}
    assert await code_of(node.log_in(world.user, admit=refuse)) == "invalid_credentials"
    assert len(await node.sessions.list(world.user)) == 1, "a refused log-in leaves nothing"
    assert len(await world.actions(node)) == 1


@pytest.mark.parametrize("storage_config", ["postgres"], indirect=True)
@pytest.mark.parametrize("is_disabled", [True, False])
async def test_no_log_in_slips_past_what_happens_to_the_user_meanwhile(world: SessionWorld, is_disabled: bool) -> None:
    """On SQLite units of work cannot overlap."""
    node = await world.node()
    has_begun, may_go_on = asyncio.Event(), asyncio.Event()

    async def admit(tx: Transaction) -> frozenset[str]:
        has_begun.set()
        await may_go_on.wait()
        return CUSTOMER

    opening = asyncio.create_task(node.log_in(world.user, admit=admit))
    await has_begun.wait()
    meanwhile = asyncio.create_task(disable(world, node) if is_disabled else promote(world, node))
    await eventually(lambda: world.storage.relay.fetch(_WAITING))
    may_go_on.set()
    tokens, _ = await asyncio.gather(opening, meanwhile)
    sessions = [session for session, _ in await node.sessions.list(world.user)]
    assert [session.roles for session in sessions] == ([] if is_disabled else [{"ADMIN"}])
    expected = "session_revoked" if is_disabled else "token_expired"
    assert await code_of(node.sessions.authenticate(tokens.access_token)) == expected


async def disable(world: SessionWorld, node: SessionNode) -> None:
    await node.sessions.revoke_all(world.user, "disabled", actor="admin")


async def promote(world: SessionWorld, node: SessionNode) -> None:
    await node.sessions.set_roles(world.user, frozenset({"ADMIN"}))


# --- ending ---------------------------------------------------------------------------------------------------------


async def test_revoking_ends_one_session_for_good(world: SessionWorld) -> None:
    node = await world.node()
    ended, other = await node.log_in(world.user), await node.log_in(world.user, LAPTOP)
    await node.sessions.revoke(world.user, ended.session.id, "revoked", actor=world.user, address=HOME)
    assert [session.id for session, _ in await node.sessions.list(world.user)] == [other.session.id]
    assert await code_of(node.sessions.authenticate(ended.access_token)) == "session_revoked"
    assert await code_of(node.refresh(ended.refresh_token)) == "refresh_token_invalid"
    again = node.sessions.revoke(world.user, ended.session.id, "revoked", actor=world.user)
    assert await code_of(again) == "not_found"
    await node.sessions.authenticate(other.access_token)
    await node.refresh(other.refresh_token)
    (entry,) = await world.actions(node, "session.revoked")
    assert (entry.actor, entry.session, entry.address) == (world.user, ended.session.id, HOME)


async def test_revoking_others_and_all(world: SessionWorld) -> None:
    node = await world.node()
    opened = [await node.log_in(world.user) for _ in range(4)]
    kept = opened[1].session.id
    assert await node.sessions.revoke_others(world.user, kept, "password_changed", actor=world.user) == 3
    assert [session.id for session, _ in await node.sessions.list(world.user)] == [kept]
    assert await node.sessions.revoke_all(world.user, "administrator", actor="admin") == 1
    assert await node.sessions.revoke_all(world.user, "administrator", actor="admin") == 0


async def test_an_identity_provider_ends_what_it_vouches_for(world: SessionWorld) -> None:
    node = await world.node()

    async def log_in(issuer: str, subject: str, sid: str) -> str:
        return (await node.log_in(world.user, issuer=issuer, idp_subject=subject, idp_sid=sid)).session.id

    first, second = await log_in("https://a", "ann", "1"), await log_in("https://a", "ann", "2")
    same_name, password = await log_in("https://b", "ann", "1"), (await node.log_in(world.user)).session.id
    provider = node.sessions.revoke_by_identity

    async def live() -> set[str]:
        return {session.id for session, _ in await node.sessions.list(world.user)}

    assert await provider("https://a", idp_sid="1", reason="identity_provider") == 1
    assert await live() == {second, same_name, password}
    assert await provider("https://a", subject="ann", idp_sid="1", reason="identity_provider") == 0
    assert await provider("https://a", subject="ann", reason="identity_provider") == 1
    assert await live() == {same_name, password}
    assert await provider("", subject="", idp_sid="x", reason="identity_provider") == 0
    with pytest.raises(ValueError, match="named"):
        await provider("https://b", reason="identity_provider")
    assert (await world.actions(node, "session.revoked"))[0].actor == "identity_provider:https://a"
    assert first not in await live()


async def test_a_refresh_token_is_enough_to_log_out(world: SessionWorld) -> None:
    node = await world.node()
    tokens = await node.log_in(world.user)
    for _ in range(2):
        await node.sessions.revoke_by_refresh_token(tokens.refresh_token, "logout", address=HOME)
    await node.sessions.revoke_by_refresh_token("nonsense", "logout", address=HOME)
    assert await node.sessions.list(world.user) == []
    (entry,) = await world.actions(node, "session.revoked")
    assert entry.detail == {"reason": "logout"}


async def test_a_device_is_known_from_its_first_log_in_on(world: SessionWorld) -> None:
    node = await world.node()
    assert not await node.sessions.has_known_device(world.user, PHONE.id)
    sid = (await node.log_in(world.user, PHONE)).session.id
    await node.sessions.revoke(world.user, sid, "logout", actor=world.user)
    assert await node.sessions.has_known_device(world.user, PHONE.id)
    assert not await node.sessions.has_known_device(world.user, LAPTOP.id)
    assert not await node.sessions.has_known_device(new_id(), PHONE.id)


# --- time -----------------------------------------------------------------------------------------------------------


async def test_an_unused_session_ends_and_is_told(world: SessionWorld) -> None:
    node = await world.node()
    tokens = await node.log_in(world.user)
    world.clock.advance(7 * DAY_S - 1)
    assert len(await node.sessions.list(world.user)) == 1
    assert await node.sessions._expiry.end_expired() == 0
    world.clock.advance(1)
    assert await node.sessions.list(world.user) == [], "at once, whenever the sweep comes"
    assert await code_of(node.refresh(tokens.refresh_token)) == "refresh_token_invalid"
    assert await node.sessions._expiry.end_expired() == 1
    assert await node.sessions._expiry.end_expired() == 0
    (entry,) = await world.actions(node, "session.revoked")
    assert (entry.actor, entry.detail) == ("system", {"reason": "expired"})


async def test_use_keeps_a_session_alive_until_its_longest_life(world: SessionWorld) -> None:
    node = await world.node()
    tokens = await node.log_in(world.user)
    begun_ms = tokens.session.created_ms
    for _ in range(5):
        world.clock.advance(6 * DAY_S - 1)
        tokens = await node.refresh(tokens.refresh_token)
    assert tokens.session.expires_ms == begun_ms + 30 * DAY_S * 1000
    assert tokens.expires_in_s == 5, "no access token outlives its session"
    world.clock.advance(5)
    assert await code_of(node.refresh(tokens.refresh_token)) == "refresh_token_invalid"


async def test_many_expire_at_once(world: SessionWorld) -> None:
    nodes = [await world.node(max_per_user=0) for _ in range(2)]
    for number in range(230):
        await nodes[number % 2].log_in(world.user)
    world.clock.advance(7 * DAY_S)
    ended = await asyncio.gather(*(node.sessions._expiry.end_expired() for node in nodes))
    assert sum(ended) == 230, "each by one node"
    assert len(await world.actions(nodes[0], "session.revoked")) == 200, "a page of the trail"


async def test_ended_sessions_are_forgotten_with_their_tokens(world: SessionWorld) -> None:
    node = await world.node()
    for _ in range(3):
        await node.log_in(world.user)
    assert await node.sessions.revoke_all(world.user, "logout", actor=world.user) == 3
    live = await node.log_in(world.user)
    world.clock.advance(30 * DAY_S - 1)
    assert await node.sessions._expiry.forget_ended() == 0
    world.clock.advance(1)
    assert await node.sessions._expiry.forget_ended() == 3
    assert await world.storage.auth.fetch(_ROWS) == [(1,)]
    assert await node.sessions.has_known_device(world.user, live.session.device_id)


async def test_last_seen_is_written_at_most_once_a_minute(world: SessionWorld) -> None:
    node = await world.node()
    tokens = await node.log_in(world.user)

    async def last_seen_s() -> float:
        ((session, _),) = await node.sessions.list(world.user)
        return session.last_seen_ms / 1000

    begun_s = world.clock.now_s()
    for passed_s, seen_s in ((30, 0), (31, 61), (30, 61), (59, 150)):
        world.clock.advance(passed_s)
        await node.connected(tokens)
        await node.sessions._last_seen.flush()
        assert await last_seen_s() - begun_s == seen_s
    world.clock.advance(1)
    await node.refresh(tokens.refresh_token)
    assert await last_seen_s() - begun_s == 151


async def test_a_refresh_notes_where_it_came_from(world: SessionWorld) -> None:
    node = await world.node()
    tokens = await node.log_in(world.user)
    moved = await node.refresh(tokens.refresh_token, address="198.51.100.1")
    assert moved.session == replace(tokens.session, address="198.51.100.1", expires_ms=moved.session.expires_ms)


# --- roles ----------------------------------------------------------------------------------------------------------


async def test_new_roles_make_older_tokens_expire_everywhere(world: SessionWorld) -> None:
    nodes = [await world.node() for _ in range(2)]
    tokens, other = await nodes[0].log_in(world.user), await nodes[0].log_in(new_id())
    async with nodes[1].running():
        peers = [await node.connected(tokens) for node in nodes]
        bystander = await nodes[1].connected(other)
        world.clock.advance(1)
        await nodes[0].sessions.set_roles(world.user, frozenset({"VENDOR"}))
        await eventually(lambda: peers[1].close_code == 3005)
        assert peers[0].close_code == 3005
        assert bystander.goodbye is None
        for node in nodes:
            assert await code_of(node.sessions.authenticate(tokens.access_token)) == "token_expired"
            back = await node.connect(tokens)
            assert back.transport.replies[0]["error"]["code"] == 109, "the SDK asks for a new token"
        world.clock.advance(0.001)
        renewed = await nodes[0].refresh(tokens.refresh_token)
        for node in nodes:
            assert (await node.sessions.authenticate(renewed.access_token)).roles == {"VENDOR"}
            assert (await node.connected(renewed)).connection.session is not None


async def test_the_same_roles_again_disturb_nobody(world: SessionWorld) -> None:
    node = await world.node()
    peer = await node.connected(await node.log_in(world.user))
    await node.sessions.set_roles(world.user, CUSTOMER)
    assert peer.goodbye is None
