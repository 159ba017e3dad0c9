"""A session that ends ends everywhere at once, and nothing else does: 50 sessions of one user, 3 connections each."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.e2e.devices import Device, Devices, devices_on, platform
from tests.support.raw_client import Close, RawClient
from tests.support.server import running_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.server import NodeProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")

SESSIONS, CONNECTIONS = 50, 3

REVOKED = Close(3590, "session revoked")

Crowd = dict[Device, list[RawClient]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node() -> AsyncIterator[NodeProcess]:
    async with running_server(platform()) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def devices(node: NodeProcess) -> AsyncIterator[Devices]:
    async with devices_on(node) as devices:
        yield devices


async def crowd(devices: Devices, sessions: int = SESSIONS) -> Crowd:
    """One user on so many devices, each with its connections."""
    email = await devices.register()
    logged_in = [await devices.log_in(email) for _ in range(sessions)]
    return {device: [await devices.connect(device) for _ in range(CONNECTIONS)] for device in logged_in}


async def are_alive(connections: list[RawClient]) -> None:
    """Each still answers; one that was closed fails here."""
    await asyncio.gather(*(connection.settled() for connection in connections))


async def are_revoked(connections: list[RawClient]) -> None:
    assert [await connection.closing() for connection in connections] == [REVOKED] * len(connections)


async def test_exactly_the_revoked_sessions_connections_are_closed(devices: Devices) -> None:
    everybody = await crowd(devices)
    [revoker, victim, *_] = everybody
    answer = await revoker.call("DELETE", f"/v1/sessions/{victim.sid}")
    assert answer.status == 204
    await are_revoked(everybody.pop(victim))
    await are_alive([connection for connections in everybody.values() for connection in connections])
    listed = (await revoker.call("GET", "/v1/sessions")).json["sessions"]
    assert {session["id"]: session["connections"] for session in listed} == {
        device.sid: CONNECTIONS for device in everybody
    }


async def test_every_other_session_ends_and_the_own_one_stays(devices: Devices) -> None:
    everybody = await crowd(devices)
    revoker = list(everybody)[SESSIONS // 2]
    answer = await revoker.call("POST", "/v1/sessions/revoke-others")
    assert answer.json == {"revoked": SESSIONS - 1}
    own = everybody.pop(revoker)
    await are_revoked([connection for connections in everybody.values() for connection in connections])
    await are_alive(own)


async def test_what_has_ended_cannot_come_back(devices: Devices) -> None:
    """Not with the access token, which is good for minutes by itself, nor with the refresh token."""
    everybody = await crowd(devices, sessions=2)
    [revoker, victim] = everybody
    await revoker.call("DELETE", f"/v1/sessions/{victim.sid}")
    with pytest.raises(AssertionError, match="3590"):
        await devices.connect(victim)
    refused = await victim.call("GET", "/v1/me")
    assert (refused.status, refused.json["code"]) == (401, "session_revoked")
    refused = await devices.refresh(victim)
    assert (refused.status, refused.json["code"]) == (401, "refresh_token_invalid")


async def test_the_other_devices_are_told(devices: Devices) -> None:
    everybody = await crowd(devices, sessions=2)
    [revoker, victim] = everybody
    await revoker.call("DELETE", f"/v1/sessions/{victim.sid}")
    for connection in everybody[revoker]:
        event = await revocation_seen_by(connection, f"sessions:#{revoker.user}")
        assert (event["sid"], event["reason"]) == (victim.sid, "revoked")


async def revocation_seen_by(connection: RawClient, channel: str) -> dict[str, object]:
    """Passes over what else happens in the channel."""
    while True:
        [event] = await connection.data(channel, 1)
        if event["type"] == "session.revoked":
            return dict(event)


async def test_another_user_cannot_end_it(devices: Devices) -> None:
    everybody = await crowd(devices, sessions=1)
    [victim] = everybody
    stranger = await devices.log_in(await devices.register())
    answer = await stranger.call("DELETE", f"/v1/sessions/{victim.sid}")
    assert (answer.status, answer.json["code"]) == (404, "not_found")
    await are_alive(everybody[victim])
