"""Signing keys on both databases: made once, sealed, rotated without a gap."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hub.tokens.claims import KeysUnavailable, TokenInvalid
from sessions.access_tokens import AccessTokens
from sessions.config import SessionsConfig
from sessions.signing_keys import NoSigningKey, SigningKeys
from storage.database import Query, StorageUnavailable
from tests.support.clock import FakeClock
from tests.support.session_world import CONFIG
from tests.unit.sessions.test_access_tokens import SESSION

if TYPE_CHECKING:
    from storage.database import Row, Storage, Value

PROPAGATION_S, TTL_S = 600, 300

_STORED = Query("test.stored", "SELECT public_jwk, sealed_private_key FROM signing_keys")


class Keys:
    """Nodes that have loaded their keys, and the tokens that they issue."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.clock = FakeClock()

    async def node(self, **config: Any) -> Node:
        node = Node(self, replace(CONFIG, **config))
        await node.keys.load()
        return node


class Node:
    def __init__(self, world: Keys, config: SessionsConfig) -> None:
        self.keys = SigningKeys(world.storage.auth, config, world.clock)
        self.tokens = AccessTokens(config.tokens, self.keys, world.clock)
        self.clock = world.clock

    def issue(self) -> str:
        now_ms = int(self.clock.now_s() * 1000)
        return self.tokens.issue(replace(SESSION, expires_ms=now_ms + 10**9), now_ms)[0]

    async def accepts(self, token: str) -> bool:
        try:
            await self.tokens.verify(token)
        except TokenInvalid:
            return False
        return True

    def published(self) -> set[str]:
        return {key["kid"] for key in json.loads(self.keys.jwks())["keys"]}


@pytest.fixture
def world(storage: Storage) -> Keys:
    return Keys(storage)


async def test_nodes_that_start_at_once_end_with_one_key(world: Keys) -> None:
    nodes = await asyncio.gather(*(world.node() for _ in range(4)))
    (kid,) = {node.keys.signer().kid for node in nodes}
    for node in nodes:
        assert node.published() == {kid}
        assert all([await other.accepts(node.issue()) for other in nodes])


async def test_a_node_that_has_loaded_nothing_signs_and_publishes_nothing(world: Keys) -> None:
    node = Node(world, CONFIG)
    with pytest.raises(NoSigningKey):
        node.issue()
    assert node.published() == set()


async def test_the_private_key_is_sealed(world: Keys) -> None:
    await world.node()
    ((public_jwk, sealed),) = await world.storage.auth.fetch(_STORED)
    assert '"d"' not in public_jwk
    other = await world.node(secret=b"another secret, as long as the first")
    assert other.keys.signer().kid not in public_jwk, "what it cannot open it does not sign with"
    assert "PRIVATE" not in sealed


async def test_another_secret_makes_another_key_and_both_verify(world: Keys, caplog: pytest.LogCaptureFixture) -> None:
    first = await world.node()
    second = await world.node(secret=b"another secret, as long as the first")
    await first.keys.load()
    assert first.keys.signer() is not None
    assert await first.accepts(second.issue())
    assert await second.accepts(first.issue())
    assert "signing_key_sealed_under_another_secret" in caplog.messages
    assert len(await world.storage.auth.fetch(_STORED)) == 2, "neither takes the other's for its own"
    await second.keys.load()
    assert len(await world.storage.auth.fetch(_STORED)) == 2


async def test_a_rotation_leaves_no_moment_without_a_key_that_all_know(world: Keys) -> None:
    """Node 0 rotates; node 1 reloads a minute later; a verifier elsewhere takes the JWKS every five minutes."""
    nodes = [await world.node() for _ in range(2)]
    old = nodes[0].keys.signer().kid
    new = await nodes[0].keys.rotate()
    elsewhere = nodes[1].published()
    issued: list[tuple[float, str]] = []
    for second in range(0, 2_000, 20):
        if second % 60 == 0:
            await nodes[1].keys.load()
        if second % 300 == 0:
            elsewhere = nodes[1].published()
        for node in nodes:
            token = node.issue()
            signer = node.keys.signer().kid
            assert signer == (old if second < PROPAGATION_S else new)
            assert signer in elsewhere, "published before it signs"
            issued.append((world.clock.now_s() + TTL_S, token))
        for expires_s, token in issued:
            if world.clock.now_s() < expires_s:
                assert all([await node.accepts(token) for node in nodes])
        issued = [(expires_s, token) for expires_s, token in issued if world.clock.now_s() < expires_s]
        world.clock.advance(20)
    assert nodes[0].published() == {new}


async def test_a_key_that_a_node_has_not_met_is_looked_up(world: Keys) -> None:
    nodes = [await world.node() for _ in range(2)]
    await nodes[0].keys.rotate()
    world.clock.advance(PROPAGATION_S)
    assert await nodes[1].accepts(nodes[0].issue())


async def test_a_flood_of_invented_keys_costs_a_look_every_two_seconds(world: Keys) -> None:
    node = await world.node()
    reads = 0
    fetch = world.storage.auth.fetch

    async def counting(query: Query, *values: Value) -> list[Row]:
        nonlocal reads
        reads += 1
        return await fetch(query, *values)

    node.keys._database.fetch = counting  # type: ignore[method-assign]  # counted
    for number in range(50):
        assert await node.keys.find_anew(f"invented{number}") is None
        world.clock.advance(0.1)
    assert 1 <= reads <= 3


async def test_without_the_database_nobody_can_tell(world: Keys) -> None:
    node = await world.node()
    token = node.issue()

    async def away(query: Query, *values: Value) -> list[Row]:
        raise StorageUnavailable

    node.keys._database.fetch = away  # type: ignore[method-assign]  # it does not answer
    with pytest.raises(KeysUnavailable):
        await node.keys.find_anew("invented")
    assert await node.accepts(token), "what is known needs no database"


async def test_tokens_of_a_new_key_that_come_at_once_wait_for_one_look(world: Keys) -> None:
    """Those that found a look under way were told that their token is forged, which ends a client for good."""
    nodes = [await world.node() for _ in range(2)]
    await nodes[0].keys.rotate(at_once=True)
    tokens = [nodes[0].issue() for _ in range(10)]
    assert await asyncio.gather(*map(nodes[1].accepts, tokens)) == [True] * 10


async def test_a_look_that_failed_proves_no_token_forged(world: Keys) -> None:
    nodes = [await world.node() for _ in range(2)]
    await nodes[0].keys.rotate(at_once=True)
    token, fetch = nodes[0].issue(), nodes[1].keys._database.fetch

    async def away(query: Query, *values: Value) -> list[Row]:
        raise StorageUnavailable

    nodes[1].keys._database.fetch = away  # type: ignore[method-assign]  # it does not answer
    for _ in range(2):
        with pytest.raises(KeysUnavailable):
            await nodes[1].accepts(token)
    nodes[1].keys._database.fetch = fetch  # type: ignore[method-assign]  # it does again
    world.clock.advance(2)
    assert await nodes[1].accepts(token)


async def test_a_stolen_key_ends_at_once(world: Keys) -> None:
    nodes = [await world.node() for _ in range(2)]
    stolen = nodes[0].issue()
    assert all([await node.accepts(stolen) for node in nodes])
    world.clock.advance(1)
    new = await nodes[0].keys.rotate(at_once=True)
    assert not await nodes[0].accepts(stolen)
    assert await nodes[1].accepts(nodes[0].issue())
    assert not await nodes[1].accepts(stolen), "heard of with the new key's first token"
    assert [node.published() for node in nodes] == [{new}, {new}]


async def test_rotating_twice_in_a_row_is_harmless(world: Keys) -> None:
    node = await world.node()
    first, second = await node.keys.rotate(), await node.keys.rotate()
    token = node.issue()
    assert await node.accepts(token)
    world.clock.advance(PROPAGATION_S)
    assert node.keys.signer().kid in {first, second}
    world.clock.advance(TTL_S + 65)
    await node.keys.load()
    assert len(node.published()) == 1
    assert await node.accepts(node.issue())


async def test_another_algorithm_takes_over_as_a_rotation_does(world: Keys) -> None:
    old = await world.node()
    new = await world.node(tokens=replace(CONFIG.tokens, algorithm="RS256"))
    assert new.keys.signer().algorithm == "EdDSA"
    world.clock.advance(PROPAGATION_S)
    assert new.keys.signer().algorithm == "RS256"
    assert await old.accepts(new.issue())
    assert await new.accepts(old.issue())


async def test_a_clock_that_is_behind_has_a_key_too(world: Keys) -> None:
    first = await world.node()
    world.clock.advance(-30)
    second = await world.node()
    assert second.keys.signer().kid == first.keys.signer().kid


async def test_keys_of_the_past_are_forgotten(world: Keys) -> None:
    node = await world.node()
    await node.keys.rotate()
    world.clock.advance(PROPAGATION_S + TTL_S + 66)
    await node.keys._forget()
    assert len(await world.storage.auth.fetch(_STORED)) == 2
    world.clock.advance(86_400)
    await node.keys._forget()
    assert len(await world.storage.auth.fetch(_STORED)) == 1
    await node.keys.load()
    assert await node.accepts(node.issue())
