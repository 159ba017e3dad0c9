"""Refresh tokens on both databases: rotation, the grace, theft."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from sessions.refusal import Refusal
from storage.database import Query
from tests.support.patience import eventually
from tests.support.session_world import LAPTOP, PHONE, SessionNode, SessionWorld

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from sessions.login_sessions import Tokens
    from storage.database import Storage, Transaction

GRACE_S = 10

_HASHES = Query("test.hashes", "SELECT hash, successor_nonce FROM refresh_tokens")
_FORGET = Query("test.forget", "DELETE FROM refresh_tokens WHERE used_ms IS NULL")
_UNUSE = Query("test.unuse", "UPDATE refresh_tokens SET used_ms = NULL")


@pytest.fixture
def world(storage: Storage) -> SessionWorld:
    return SessionWorld(storage)


async def refused(work: Awaitable[object]) -> bool:
    with pytest.raises(Refusal) as caught:
        await work
    return caught.value.code == "refresh_token_invalid"


async def is_live(node: SessionNode, tokens: Tokens) -> bool:
    return tokens.session.id in {session.id for session, _ in await node.sessions.list(tokens.session.user_id)}


# --- rotation -------------------------------------------------------------------------------------------------------


async def test_each_use_gives_another_token_for_the_same_session(world: SessionWorld) -> None:
    node = await world.node()
    seen = [await node.log_in(world.user)]
    for _ in range(5):
        world.clock.advance(GRACE_S + 1)
        seen.append(await node.refresh(seen[-1].refresh_token))
    assert len({tokens.refresh_token for tokens in seen}) == 6
    assert {tokens.session.id for tokens in seen} == {seen[0].session.id}
    assert all([await node.sessions.authenticate(tokens.access_token) for tokens in seen[-5:]])


async def test_the_database_knows_no_token(world: SessionWorld) -> None:
    node = await world.node()
    first = await node.log_in(world.user)
    second = await node.refresh(first.refresh_token)
    stored = " ".join(text for row in await world.storage.auth.fetch(_HASHES) for text in row)
    for token in (first.refresh_token, second.refresh_token):
        assert token not in stored
        assert token not in repr(first) + repr(second)


async def test_used_tokens_do_not_pile_up(world: SessionWorld) -> None:
    node = await world.node()
    tokens = await node.log_in(world.user)
    for _ in range(30):
        world.clock.advance(30)
        tokens = await node.refresh(tokens.refresh_token)
    assert len(await world.storage.auth.fetch(_HASHES)) <= 4


@pytest.mark.parametrize("token", ["", "x", "a" * 96, "ü" * 96, "=" * 96, "-" * 1_000_000])
async def test_what_was_never_issued_is_refused_without_asking_the_database(world: SessionWorld, token: str) -> None:
    node = await world.node()
    node.sessions._database = None  # type: ignore[assignment]  # whoever asks it fails
    assert await refused(node.refresh(token))


# --- the grace ------------------------------------------------------------------------------------------------------


async def test_tabs_that_refresh_at_once_get_one_successor(world: SessionWorld) -> None:
    nodes = [await world.node() for _ in range(2)]
    tokens = await nodes[0].log_in(world.user)
    answers = await asyncio.gather(*(nodes[n % 2].refresh(tokens.refresh_token, device_id=PHONE.id) for n in range(20)))
    (successor,) = {answer.refresh_token for answer in answers}
    for answer in answers:
        await nodes[0].sessions.authenticate(answer.access_token)
    assert await is_live(nodes[0], await nodes[1].refresh(successor))
    assert await world.actions(nodes[0], "session.revoked") == []


async def test_an_answer_that_was_lost_is_given_again(world: SessionWorld) -> None:
    node = await world.node()
    tokens = await node.log_in(world.user)
    lost = await node.refresh(tokens.refresh_token)
    world.clock.advance(GRACE_S)
    restarted = await world.node()
    repeated = await restarted.refresh(tokens.refresh_token, device_id=PHONE.id)
    assert repeated.refresh_token == lost.refresh_token


async def test_in_the_grace_an_old_token_gives_the_one_that_its_successors_have_come_to(world: SessionWorld) -> None:
    """A tab that was given a successor which is used already would be taken for a thief at its next refresh."""
    node = await world.node()
    oldest = newest = await node.log_in(world.user)
    for _ in range(4):
        world.clock.advance(1)
        newest = await node.refresh(newest.refresh_token)
    assert (await node.refresh(oldest.refresh_token, device_id=PHONE.id)).refresh_token == newest.refresh_token
    world.clock.advance(GRACE_S - 4)
    late_tab = await node.refresh(oldest.refresh_token, device_id=PHONE.id)
    world.clock.advance(3600)
    assert await is_live(node, await node.refresh(late_tab.refresh_token))


async def test_a_clock_that_is_behind_makes_no_thief(world: SessionWorld) -> None:
    node = await world.node()
    tokens = await node.log_in(world.user)
    successor = await node.refresh(tokens.refresh_token)
    world.clock.advance(-30)
    repeated = await node.refresh(tokens.refresh_token, device_id=PHONE.id)
    assert repeated.refresh_token == successor.refresh_token
    assert await is_live(node, await node.refresh(successor.refresh_token))


async def test_a_clock_that_is_set_back_does_not_make_the_grace_longer(world: SessionWorld) -> None:
    """Who shows a token that was used long ago gets nothing by it, and the owner loses nothing."""
    node = await world.node()
    tokens = await node.log_in(world.user)
    successor = await node.refresh(tokens.refresh_token)
    world.clock.advance(600 - 3600)
    assert await refused(node.refresh(tokens.refresh_token, device_id=PHONE.id))
    assert await is_live(node, await node.refresh(successor.refresh_token))


async def test_in_the_grace_whoever_names_no_device_gets_nothing_and_rings_no_alarm(world: SessionWorld) -> None:
    """The grace is the device's own: it may not hand the live token to whoever has copied a used one."""
    node = await world.node()
    tokens = await node.log_in(world.user, PHONE)
    successor = await node.refresh(tokens.refresh_token)
    assert await refused(node.refresh(tokens.refresh_token))
    assert await world.actions(node, "session.revoked") == []
    repeated = await node.refresh(tokens.refresh_token, device_id=PHONE.id)
    assert repeated.refresh_token == successor.refresh_token
    world.clock.advance(GRACE_S + 0.001)
    assert await refused(node.refresh(tokens.refresh_token))
    assert not await is_live(node, successor), "after the grace it is a replay, whoever shows it"


# --- theft ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("uses_since", [1, 2, 40])
async def test_a_replay_after_the_grace_ends_the_family_everywhere(world: SessionWorld, uses_since: int) -> None:
    nodes = [await world.node() for _ in range(2)]
    async with nodes[0].running(), nodes[1].running():
        stolen = tokens = await nodes[0].log_in(world.user, PHONE)
        for _ in range(uses_since):
            tokens = await nodes[0].refresh(tokens.refresh_token)
            world.clock.advance(GRACE_S + 0.001)
        laptop = await nodes[0].log_in(world.user, LAPTOP)
        peers = [await node.connected(tokens) for node in nodes]
        witness = await nodes[1].connected(laptop)
        world.clock.advance(1)
        assert await refused(nodes[1].refresh(stolen.refresh_token, address="203.0.113.66"))
        await eventually(lambda: [peer.close_code for peer in peers] == [3590, 3590])
        assert witness.goodbye is None
        sid = tokens.session.id
        (reused,) = await eventually(lambda: witness.events("security.refresh_reused"))
        assert reused == {"type": "security.refresh_reused", "sid": sid, "at": int(world.clock.now_s() * 1000)}
        (revoked,) = witness.events("session.revoked")
        assert (revoked["sid"], revoked["reason"]) == (sid, "refresh_reused")
        (entry,) = await world.actions(nodes[0], "session.revoked")
        assert (entry.session, entry.address, entry.detail) == (sid, "203.0.113.66", {"reason": "refresh_reused"})
        assert await refused(nodes[0].refresh(tokens.refresh_token)), "the thief's and the owner's alike"
        assert await is_live(nodes[0], await nodes[0].refresh(laptop.refresh_token))
        assert await refused(nodes[1].refresh(stolen.refresh_token))
        assert len(await world.actions(nodes[0], "session.revoked")) == 1, "once"


@pytest.mark.parametrize("is_used", [False, True])
async def test_a_token_shown_by_another_device_ends_the_family(world: SessionWorld, is_used: bool) -> None:
    node = await world.node()
    tokens = await node.log_in(world.user, PHONE)
    if is_used:
        await node.refresh(tokens.refresh_token, device_id=PHONE.id)
    assert await refused(node.refresh(tokens.refresh_token, device_id=LAPTOP.id))
    assert not await is_live(node, tokens)


async def test_a_database_set_back_by_a_moment_makes_no_thief(world: SessionWorld) -> None:
    """After a restore, clients hold tokens that the database has never seen: refused, and nobody is alarmed."""
    node = await world.node()
    tokens = await node.log_in(world.user)
    world.clock.advance(5)
    successor = await node.refresh(tokens.refresh_token)

    async def set_back(tx: Transaction) -> None:
        await tx.execute(_FORGET)
        await tx.execute(_UNUSE)

    await world.storage.auth.run(set_back)
    assert await refused(node.refresh(successor.refresh_token))
    assert await is_live(node, tokens)
    assert await is_live(node, await node.refresh(tokens.refresh_token))


async def test_a_cancelled_refresh_can_be_repeated(world: SessionWorld) -> None:
    node = await world.node()
    tokens = await node.log_in(world.user)
    for _ in range(20):
        work = asyncio.create_task(node.refresh(tokens.refresh_token))
        await asyncio.sleep(0)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        repeated = await node.refresh(tokens.refresh_token, device_id=PHONE.id)
        again = await node.refresh(tokens.refresh_token, device_id=PHONE.id)
        assert again.refresh_token == repeated.refresh_token
        tokens = repeated
        world.clock.advance(GRACE_S + 1)
