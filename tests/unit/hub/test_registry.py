from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from hypothesis import given
from hypothesis import strategies as st

from hub.registry import Registry
from hub.tokens.claims import SessionRef

if TYPE_CHECKING:
    from hub.connection import Connection


@dataclass(eq=False)
class Peer:
    client_id: str
    user: str
    session: SessionRef | None
    transport: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(name="websocket"))
    codec: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(name="json"))


def peer(client_id: str, user: str, sid: str = "") -> Connection:
    return cast("Connection", Peer(client_id, user, SessionRef(sid, "device") if sid else None))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=40))
def test_it_finds_what_searching_a_set_would_find(steps: list[tuple[bool, int]]) -> None:
    registry = Registry()
    peers = [
        peer(f"client{number}", ["", "ann", "bob"][number % 3], ["", "s1", "s2"][number // 2]) for number in range(6)
    ]
    present: list[Connection] = []
    for is_arrival, number in steps:
        connection = peers[number]
        if is_arrival and connection not in present:
            registry.add(connection)
            present.append(connection)
        elif not is_arrival:
            registry.remove(connection)
            present = [other for other in present if other is not connection]
        assert list(registry.by_client.values()) == present
        assert registry.num_clients == len(present)
        assert registry.num_users == len({other.user for other in present})
        for user in ("", "ann", "bob", "nobody"):
            assert registry.of_user(user) == [other for other in present if other.user == user]
            for sid in ("s1", "s2", "s3"):
                expected = [other for other in present if other.user == user and of_session(other, sid)]
                assert registry.of_user(user, session=sid) == expected
        assert set(registry.sids) == {other.session.sid for other in present if other.session is not None}
        assert registry.num_sessions == len(list(registry.sids))
        assert registry.num_devices == min(1, registry.num_sessions)  # all of them are on one
        assert registry.measures() == {"clients_by_transport.websocket|json": len(present)}


def of_session(connection: Connection, sid: str) -> bool:
    return connection.session is not None and connection.session.sid == sid


def test_a_user_can_be_narrowed_to_one_client() -> None:
    registry = Registry()
    first, second, anonymous = peer("1", "ann"), peer("2", "ann"), peer("3", "")
    for connection in (first, second, anonymous):
        registry.add(connection)
    assert registry.of_user("ann", client="2") == [second]
    assert registry.of_user("ann", client="3") == [], "another user's client is not theirs"
    assert registry.of_user("ann", client="4") == []
    assert registry.of_user("", client="3") == [anonymous]


def test_a_user_can_be_narrowed_to_one_session() -> None:
    registry = Registry()
    first, second, other, stranger = (
        peer("1", "ann", "s1"),
        peer("2", "ann", "s1"),
        peer("3", "ann", "s2"),
        peer("4", ""),
    )
    for connection in (first, second, other, stranger):
        registry.add(connection)
    assert registry.of_session("s1") == [first, second]
    assert registry.of_user("ann", session="s1", client="3") == []
    assert registry.of_user("ann", session="s2", client="3") == [other]
    assert registry.of_user("bob", session="s1") == [], "another user's session is not theirs"
    assert registry.of_user("", session="s1", client="4") == []


def test_those_who_leave_may_be_removed_while_they_are_gone_through() -> None:
    registry = Registry()
    peers = [peer(str(number), "ann") for number in range(4)]
    for connection in peers:
        registry.add(connection)
    for connection in registry.of_user("ann"):
        registry.remove(connection)
    assert registry.num_clients == registry.num_users == 0


def test_one_whose_connect_is_not_answered_is_open_and_nobody_finds_it() -> None:
    registry = Registry()
    silent, connected = peer("1", ""), peer("2", "")
    registry.open(silent)
    registry.open(connected)
    registry.add(connected)
    assert list(registry.opened) == [silent, connected]
    assert registry.of_user("") == [connected]
    assert registry.of_user("", client="1") == []
    assert (registry.num_clients, registry.num_users) == (1, 1)


def test_one_that_ends_is_open_no_more_however_far_it_came() -> None:
    registry = Registry()
    silent, connected = peer("1", ""), peer("2", "ann")
    for connection in (silent, connected):
        registry.open(connection)
    registry.add(connected)
    for connection in (silent, connected):
        registry.remove(connection)
        registry.remove(connection)
    assert (registry.opened, registry.num_clients, registry.num_users) == ({}, 0, 0)
