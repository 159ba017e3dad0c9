"""A node that is cut off from the database and from the other nodes does not go on with sessions it cannot judge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hub.protocol import codes
from hub.supervisor import Supervisor
from sessions import revocation_proof
from sessions.revocation_proof import MAX_UNPROVEN_S, RevocationProof
from tests.support.patience import eventually
from tests.support.session_world import SessionNode, SessionWorld

if TYPE_CHECKING:
    from storage.database import Storage

LONG_S = MAX_UNPROVEN_S + 1


@pytest.fixture
def world(storage: Storage) -> SessionWorld:
    return SessionWorld(storage)


@pytest.fixture
async def node(world: SessionWorld) -> SessionNode:
    return await world.node()


@pytest.mark.parametrize(
    ("read_age_s", "told_age_s", "stays"),
    [(0, 0, True), (LONG_S, 0, True), (0, LONG_S, True), (MAX_UNPROVEN_S, LONG_S, True), (LONG_S, LONG_S, False)],
)
async def test_f37_connections_with_a_session_stay_while_its_end_would_be_heard(
    world: SessionWorld,
    node: SessionNode,
    monkeypatch: pytest.MonkeyPatch,
    read_age_s: float,
    told_age_s: float,
    stays: bool,
) -> None:
    monkeypatch.setattr(revocation_proof, "LOOK_INTERVAL_S", 0)
    looks = []

    def read() -> float:
        looks.append(1)
        return read_age_s

    peer = await node.connected(await node.log_in(world.user))
    proof = RevocationProof(node.hub, read, lambda: told_age_s)
    async with Supervisor() as supervisor:
        supervisor.start("proof", proof.run())
        await eventually(lambda: len(looks) > 1)
    assert peer.goodbye == (None if stays else codes.SHUTDOWN)
    assert proof.measures() == {"sessions_unproven_sent_away": int(not stays)}


async def test_every_look_at_the_database_counts(world: SessionWorld, node: SessionNode) -> None:
    world.clock.advance(20)
    assert node.sessions.revocations_age_s() == 20
    await node.sessions._feed.poll()
    assert node.sessions.revocations_age_s() == 0
