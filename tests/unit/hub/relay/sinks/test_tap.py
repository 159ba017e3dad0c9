"""Which events the sinks get."""

from __future__ import annotations

import pytest

from hub.relay.sinks.tap import NO_SINKS, Tap, Wanted, type_in

TAP = Tap(
    {
        "audit": Wanted(("session.*", "security.*")),
        "all": Wanted(("*",), ("chat",)),
        "moderation": Wanted(("client.published",), ("chat", "")),
    },
    {"sessions": type_in, "state": lambda _: "state.changed"},
)


@pytest.mark.parametrize(
    ("kind", "channel", "expected"),
    [
        ("session.created", "sessions:#ann", ("audit", "all")),
        ("state.changed", "state:cart#ann", ("all",)),
        ("connection.connected", "", ("all",)),
        ("client.published", "chat:1", ("all", "moderation")),
        ("client.published", "news:1", ()),
        ("client.published", "lobby", ("moderation",)),
    ],
)
def test_each_gets_what_it_wants(kind: str, channel: str, expected: tuple[str, ...]) -> None:
    assert TAP.destinations(kind, channel) == expected
    assert TAP.destinations(kind, channel) == expected, "remembered"


def test_kinds_are_found_by_the_namespace() -> None:
    assert TAP.kind_of("sessions:#ann", b'{"at":1,"type":"session.revoked","x":[1]}') == "session.revoked"
    assert TAP.kind_of("state:cart#ann", b"whatever") == "state.changed"
    assert TAP.kind_of("news:1", b'{"type":"session.revoked"}') == ""
    assert TAP.kind_of("sessions", b'{"type":"session.revoked"}') == "", "a channel without a namespace"


def test_what_has_no_type_is_for_nobody() -> None:
    assert TAP.kind_of("sessions:#ann", b"{}") == ""


def test_without_sinks_nothing_is_looked_at() -> None:
    assert not NO_SINKS.is_open
    assert NO_SINKS.destinations("session.created") == ()
