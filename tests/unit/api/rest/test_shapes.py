"""The shapes of REST are those of RPC and of events: one session looks the same through every door."""

from __future__ import annotations

import msgspec
import pytest

from api.rest.shapes import Device, own_session_shape, session_shape
from sessions.login_session import LoginSession
from sessions.session_view import describe, describe_in_list

SESSION = LoginSession(
    id="s",
    user_id="u",
    device_id="d",
    name="n",
    platform="p",
    address="a",
    method="password",
    issuer="i",
    idp_subject="x",
    idp_sid="y",
    roles=frozenset({"CUSTOMER"}),
    created_ms=1,
    last_seen_ms=2,
    expires_ms=3,
)


@pytest.mark.parametrize("sid", ["s", "other"])
def test_a_session(sid: str) -> None:
    shape = session_shape(SESSION, connections=2, current_sid=sid)
    assert msgspec.to_builtins(shape) == describe_in_list(SESSION, 2, sid)


def test_the_session_of_tokens() -> None:
    assert msgspec.to_builtins(own_session_shape(SESSION)) == describe(SESSION) | {"current": True}


@pytest.mark.parametrize("device_id", ["a" * 16, "a" * 64, "A-z_0123456789abc"])
def test_device_ids(device_id: str) -> None:
    assert msgspec.convert({"id": device_id}, Device).id == device_id


@pytest.mark.parametrize("device_id", ["a" * 15, "a" * 65, "", "a" * 16 + "\n", "a b" * 8, "ä" * 16, "x" * 16 + "/"])
def test_what_is_no_device_id(device_id: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"id": device_id}, Device)
