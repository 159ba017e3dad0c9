"""`sessions.*` on a live connection, and the audit trail behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hub.commands.rpc import RPCCall
from hub.errors import ReplyError
from hub.protocol import codes
from sessions.channels import sessions_channel
from sessions.identifiers import new_id
from sessions.refusal import Kind, Refusal
from sessions.rpc import error_of, serve
from storage.database import StorageUnavailable
from tests.support.session_world import LAPTOP, PHONE, SessionWorld

if TYPE_CHECKING:
    from sessions.principal import Principal
    from storage.database import Storage

NOBODYS_SID = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
def world(storage: Storage) -> SessionWorld:
    return SessionWorld(storage)


async def test_the_list_shows_what_is_where(world: SessionWorld) -> None:
    node = await world.node()
    laptop = await node.log_in(world.user, LAPTOP)
    world.clock.advance(1)
    phone = await node.log_in(world.user, PHONE)
    peer = await node.connected(laptop)
    await node.connected(laptop)
    listed = (await peer.rpc("sessions.list", {}))["sessions"]
    assert [(session["id"], session["connections"], session["current"]) for session in listed] == [
        (phone.session.id, 0, False),
        (laptop.session.id, 2, True),
    ]
    assert set(listed[0]) == {
        *("id", "device_id", "name", "platform", "address", "method"),
        *("created_at", "last_seen_at", "expires_at", "connections", "current"),
    }


async def test_no_connection_can_hide_from_the_list(world: SessionWorld) -> None:
    """Whoever has somebody's password could be connected, and shown as not connected."""
    node = await world.node()
    peer = await node.connected(await node.log_in(world.user))
    reply = await peer.call("unsubscribe", channel=sessions_channel(world.user))
    assert reply["error"]["code"] == codes.PERMISSION_DENIED.code
    ((_, num_connections),) = await node.sessions.list(world.user)
    assert num_connections == 1


async def test_renaming_and_revoking(world: SessionWorld) -> None:
    node = await world.node()
    laptop, phone, tablet = [await node.log_in(world.user, device) for device in (LAPTOP, PHONE, LAPTOP)]
    peer = await node.connected(laptop)
    renamed = await peer.rpc("sessions.rename", {"sid": phone.session.id, "name": "old"})
    assert (renamed["id"], renamed["name"]) == (phone.session.id, "old")
    assert (renamed["connections"], renamed["current"]) == (0, False)
    assert await peer.rpc("sessions.revoke", {"sid": phone.session.id}) == {}
    assert await peer.rpc("sessions.revoke_others") == {"revoked": 1}
    assert (await peer.rpc("sessions.revoke", {"sid": tablet.session.id}))["error"] == {
        "code": 404,
        "message": "not_found",
    }
    await peer.rpc("sessions.revoke", {"sid": laptop.session.id})
    assert peer.goodbye == codes.SESSION_REVOKED
    reasons = [entry.detail["reason"] for entry in await world.actions(node, "session.revoked")]
    assert reasons == ["revoked", "revoked", "logout"]


async def test_revoking_all_ends_one_s_own_too(world: SessionWorld) -> None:
    node = await world.node()
    peers = [await node.connected(await node.log_in(world.user)) for _ in range(3)]
    await peers[0].rpc("sessions.revoke_all", {})
    assert [peer.close_code for peer in peers] == [3590] * 3


@pytest.mark.parametrize(
    ("method", "data", "message"),
    [
        ("sessions.revoke", {}, "invalid_field"),
        ("sessions.revoke", {"sid": 1}, "invalid_field"),
        ("sessions.revoke", {"sid": "x", "more": 1}, "invalid_field"),
        ("sessions.revoke", [], "invalid_field"),
        ("sessions.rename", {"sid": "x"}, "invalid_field"),
        ("sessions.list", {"user": "other"}, "invalid_field"),
        ("sessions.revoke_all", {"user": "other"}, "invalid_field"),
    ],
)
async def test_what_is_not_understood_is_refused(world: SessionWorld, method: str, data: object, message: str) -> None:
    node = await world.node()
    peer = await node.connected(await node.log_in(world.user))
    assert (await peer.rpc(method, data))["error"] == {"code": 400, "message": message}
    assert len(await node.sessions.list(world.user)) == 1


@pytest.mark.parametrize("sid", ["", "x", "\0", "a\0b", "\u2028", "../x", f"{NOBODYS_SID}\n", NOBODYS_SID])
@pytest.mark.parametrize(("method", "more"), [("sessions.revoke", {}), ("sessions.rename", {"name": "x"})])
async def test_what_cannot_name_a_session_is_not_found(
    world: SessionWorld, method: str, more: dict[str, str], sid: str
) -> None:
    node = await world.node()
    peer = await node.connected(await node.log_in(world.user))
    assert (await peer.rpc(method, {"sid": sid, **more}))["error"] == {"code": 404, "message": "not_found"}


async def test_only_connections_with_a_session_are_served(world: SessionWorld) -> None:
    node = await world.node()
    with pytest.raises(ReplyError) as caught:
        await node.hub.rpc.call(RPCCall("sessions.list", b"{}", None))  # type: ignore[arg-type]  # a backend's
    assert caught.value.error == codes.ErrorCode(401, "unauthorized")


@pytest.mark.parametrize("kind", Kind)
def test_a_refusal_is_an_error_of_its_status(kind: Kind) -> None:
    error = error_of(Refusal(kind, "some_code", "not for the wire"))
    assert error == codes.ErrorCode(kind.value, "some_code", temporary=kind is Kind.LIMITED)
    assert 400 <= error.code < 600


async def test_an_unavailable_database_is_temporary(world: SessionWorld) -> None:
    async def away(principal: Principal, data: bytes) -> object:
        raise StorageUnavailable("secret details")

    node = await world.node()
    node.hub.rpc.register("away", serve(away))
    peer = await node.connected(await node.log_in(world.user))
    assert (await peer.rpc("away"))["error"] == {"code": 503, "message": "unavailable", "temporary": True}


# --- the audit trail ------------------------------------------------------------------------------------------------


async def test_the_trail_is_read_in_pages_newest_first(world: SessionWorld) -> None:
    node = await world.node()
    other = new_id()
    for number in range(7):
        world.clock.advance(1)
        await node.log_in(world.user if number % 2 == 0 else other)

    async def read(subject: str, limit: int) -> list[Any]:
        entries, cursor = [], ""
        while True:
            page = await node.audit.list(subject, cursor, limit)
            assert len(page.entries) <= limit
            entries += page.entries
            cursor = page.next_cursor
            if not cursor:
                return entries

    everything = await read("", 100)
    assert [entry.at_ms for entry in everything] == sorted((entry.at_ms for entry in everything), reverse=True)
    assert len(everything) == 7
    for limit in (1, 2, 3, 7):
        assert await read("", limit) == everything
        assert await read(world.user, limit) == [entry for entry in everything if entry.subject == world.user]
    assert await read(new_id(), 10) == []
    first = everything[-1]
    assert (first.action, first.actor, first.detail) == (
        "session.opened",
        world.user,
        {"method": "password", "device": PHONE.id},
    )
