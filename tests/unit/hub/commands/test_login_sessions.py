"""What the hub does with the login sessions of an authority; the authority itself is tested in tests/contract."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from msgspec import UNSET, Raw

from hub.authority import Authority
from hub.control_operations import DisconnectUser, MessageUser, UserTarget
from hub.protocol import codes
from hub.tokens.claims import ConnectClaims, SessionRef, TokenExpired, TokenInvalid
from tests.unit.hub.client import Client
from tests.unit.hub.node import Node

if TYPE_CHECKING:
    from hub.connection import Connection


@dataclass
class FakeAuthority(Authority):
    """Tokens are `own:<user>:<sid>:<role>`; `expired` and `forged` are what they say; the rest is not its own."""

    revoked: set[str] = field(default_factory=set)
    roles: dict[str, frozenset[str]] = field(default_factory=dict)
    told: list[tuple[str, str]] = field(default_factory=list)

    async def authenticate(self, token: str) -> ConnectClaims | None:
        if token == "expired":
            raise TokenExpired
        if token == "forged":
            raise TokenInvalid
        if not token.startswith("own:"):
            return None
        _, user, sid, role = token.split(":")
        session = SessionRef(sid, "device", frozenset({role}))
        return ConnectClaims(user=user, expire_at_s=0, info=UNSET, subs={}, meta=None, session=session)

    def is_revoked(self, session: SessionRef) -> bool:
        return session.sid in self.revoked

    def is_outdated(self, session: SessionRef) -> bool:
        return session.roles != self.roles.get(session.sid, session.roles)

    def connected(self, connection: Connection) -> None:
        assert connection.hub.registry.of_user(connection.user, client=connection.client_id), "it can be found"
        self.told.append(("connected", sid_of(connection)))

    def closed(self, connection: Connection) -> None:
        assert not connection.hub.registry.of_user(connection.user, client=connection.client_id)
        self.told.append(("closed", sid_of(connection)))

    def on_operation(self, operation: UserTarget) -> None:
        self.told.append((type(operation).__name__, operation.session))


def sid_of(connection: Connection) -> str:
    return connection.session.sid if connection.session else ""


def node_with_authority() -> tuple[Node, FakeAuthority]:
    node = Node()
    authority = node.hub.authority = FakeAuthority()
    return node, authority


async def connected(node: Node, token: str) -> Client:
    return await node.connected(token=token)


async def test_a_token_of_the_authority_brings_its_session() -> None:
    node, authority = node_with_authority()
    client = await connected(node, "own:ann:s1:USER")
    assert client.connection.session == SessionRef("s1", "device", frozenset({"USER"}))
    assert client.connection.user == "ann"
    assert node.hub.registry.of_session("s1") == [client.connection]
    await client.vanish()
    assert authority.told == [("connected", "s1"), ("closed", "s1")]
    assert node.hub.registry.of_session("s1") == []
    assert list(node.hub.registry.sids) == []


async def test_other_tokens_are_as_ever() -> None:
    node, authority = node_with_authority()
    client = await node.connected("42")
    assert client.connection.session is None
    await client.vanish()
    assert authority.told == []


@pytest.mark.parametrize(("token", "code"), [("expired", 109), ("forged", 3500)])
async def test_what_the_authority_refuses_nobody_else_is_asked_about(token: str, code: int) -> None:
    node, _ = node_with_authority()
    client = node.client()
    (answer,) = await client.send({"id": 1, "connect": {"token": token}}) or [{}]
    assert code == (answer["error"]["code"] if "error" in answer else client.goodbye and client.goodbye.code)


async def test_a_revoked_session_does_not_get_in() -> None:
    node, authority = node_with_authority()
    authority.revoked.add("s1")
    client = node.client()
    await client.send({"id": 1, "connect": {"token": "own:ann:s1:USER"}})
    assert client.goodbye == codes.SESSION_REVOKED
    await client.vanish()
    assert authority.told == []


async def test_roles_that_have_changed_do_not_get_in() -> None:
    node, authority = node_with_authority()
    authority.roles["s1"] = frozenset({"OTHER"})
    client = node.client()
    (answer,) = await client.send({"id": 1, "connect": {"token": "own:ann:s1:USER"}})
    assert answer["error"]["code"] == codes.TOKEN_EXPIRED.code
    assert node.hub.registry.of_session("s1") == []
    await client.vanish()
    assert authority.told == []


async def test_a_refresh_brings_the_roles_of_its_token() -> None:
    node, _ = node_with_authority()
    client = await connected(node, "own:ann:s1:USER")
    assert "refresh" in await client.call("refresh", token="own:ann:s1:ADMIN")
    assert client.connection.session == SessionRef("s1", "device", frozenset({"ADMIN"}))
    assert node.hub.registry.of_session("s1") == [client.connection]


@pytest.mark.parametrize("token", ["own:ann:s2:USER", "own:bob:s1:USER"])
async def test_a_refresh_by_another_session_or_user_ends_the_connection(token: str) -> None:
    node, _ = node_with_authority()
    client = await connected(node, "own:ann:s1:USER")
    await client.send({"id": 2, "refresh": {"token": token}})
    assert client.goodbye == codes.INVALID_TOKEN


async def test_a_session_cannot_be_shed_or_gained_by_a_refresh() -> None:
    node, _ = node_with_authority()
    with_session, without = await connected(node, "own:42:s1:USER"), await node.connected("42")
    await with_session.send({"id": 2, "refresh": {"token": node.token("42")}})
    await without.send({"id": 2, "refresh": {"token": "own:42:s1:USER"}})
    assert with_session.goodbye == without.goodbye == codes.INVALID_TOKEN


async def test_a_refresh_of_a_revoked_session_says_so() -> None:
    node, authority = node_with_authority()
    client = await connected(node, "own:ann:s1:USER")
    authority.revoked.add("s1")
    await client.send({"id": 2, "refresh": {"token": "own:ann:s1:USER"}})
    assert client.goodbye == codes.SESSION_REVOKED


async def test_an_operation_can_be_narrowed_to_one_session() -> None:
    node, authority = node_with_authority()
    tokens = ["own:ann:s1:USER", "own:ann:s1:USER", "own:ann:s2:USER", "own:bob:s3:USER"]
    clients = [await connected(node, token) for token in tokens]
    authority.told.clear()
    why = codes.SESSION_REVOKED
    await node.hub.control.perform(DisconnectUser(user="ann", session="s1", code=why.code, reason=why.reason))
    assert [client.goodbye for client in clients] == [why, why, None, None]
    assert authority.told == [("DisconnectUser", "s1")]
    await node.hub.control.perform(DisconnectUser(user="bob", session="s2"))
    assert clients[2].goodbye is None, "another user's session is not theirs"
    await node.hub.control.perform(MessageUser(user="ann", data=Raw(b"1")))
    assert authority.told[1:] == [("DisconnectUser", "s2")], "what is for a whole user is not told"
