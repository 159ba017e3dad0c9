"""Register, log in, refresh, log out, profile, password: over HTTP, whole."""

from __future__ import annotations

import asyncio

import pytest

from services.accounts.config import AccountsConfig
from services.accounts.user import Role, Status
from sessions.principal import Principal
from storage.config import StorageConfig
from storage.database import Query
from tests.support.api_client import Answer
from tests.support.rest_node import CHEAP, PASSWORD, Person, RestNode, rest_node

TOKENS = {"access_token", "token_type", "expires_in", "session", "user", "refresh_token"}
SESSION = {
    "id",
    "device_id",
    "name",
    "platform",
    "address",
    "method",
    "created_at",
    "last_seen_at",
    "expires_at",
    "current",
}
END_UNHEARD = Query("test.end", "UPDATE login_sessions SET revoked_ms = 1, revoked_reason = 'logout'")
"""So long ago that no node reads it as news."""

USER = {"id", "email", "name", "role", "status", "created_at"}


async def test_register_then_log_in(node: RestNode) -> None:
    registration = {"email": "Ann@Example.com", "password": PASSWORD, "name": "Ann"}
    answer = await node.call("POST", "/v1/accounts", registration)
    assert (answer.status, answer.json) == (202, {})
    device = {**node.device(), "name": "Ann's phone", "platform": "web"}
    login = {"email": "ann@example.com", "password": PASSWORD, "device": device, "mode": "token"}
    answer = await node.call("POST", "/v1/login", login)
    assert answer.status == 200
    tokens = answer.json
    assert tokens.keys() == TOKENS
    assert tokens["session"].keys() == SESSION
    assert tokens["user"].keys() == USER
    assert (tokens["token_type"], tokens["expires_in"] in {299, 300}) == ("Bearer", True)
    assert (tokens["user"]["role"], tokens["user"]["status"], tokens["user"]["name"]) == ("CUSTOMER", "active", "Ann")
    session = tokens["session"]
    assert (session["name"], session["platform"], session["device_id"]) == ("Ann's phone", "web", device["id"])
    assert (session["method"], session["address"], session["current"]) == ("password", "127.0.0.1", True)


async def test_registering_a_taken_address_is_answered_alike(node: RestNode) -> None:
    await node.person("ann@example.com")
    taken = await node.call("POST", "/v1/accounts", {"email": "ann@example.com", "password": PASSWORD})
    free = await node.call("POST", "/v1/accounts", {"email": "bob@example.com", "password": PASSWORD})
    volatile = {"date"}
    assert (taken.status, taken.body) == (free.status, free.body)
    assert {k: v for k, v in taken.headers.items() if k not in volatile} == {
        k: v for k, v in free.headers.items() if k not in volatile
    }


async def test_registration_can_be_switched_off(embedded: StorageConfig) -> None:
    config = AccountsConfig(secret=b"a" * 32, password_hash=CHEAP, registration_enabled=False)
    async with rest_node(embedded, accounts=config) as node:
        answer = await node.call("POST", "/v1/accounts", {"email": "ann@example.com", "password": PASSWORD})
        assert (answer.status, answer.json["code"]) == (403, "forbidden")


async def test_whoever_cannot_log_in_gets_the_same_answer(node: RestNode) -> None:
    """Unknown, wrong password, disabled: byte for byte (threat T12)."""
    ann, admin = await node.person("ann@example.com"), await node.person(role=Role.ADMIN)
    blocked = await node.person("blocked@example.com")
    principal = Principal(admin.id, admin.sid, admin.device["id"], frozenset({"ADMIN"}))
    await node.platform.accounts.set_status(principal, blocked.id, Status.DISABLED)

    async def log_in(email: str, password: str) -> tuple[int, bytes, str]:
        body = {"email": email, "password": password, "device": ann.device, "mode": "token"}
        answer = await node.call("POST", "/v1/login", body)
        return answer.status, answer.body, answer.headers.get("www-authenticate", "")

    answers = {
        await log_in("ann@example.com", "not the password"),
        await log_in("nobody@example.com", PASSWORD),
        await log_in("blocked@example.com", PASSWORD),
    }
    assert len(answers) == 1
    [(status, body, _)] = answers
    assert status == 401
    assert b'"code":"invalid_credentials"' in body


async def test_refresh_in_token_mode(node: RestNode) -> None:
    ann = await node.person()
    answer = await node.call("POST", "/v1/token/refresh", {"refresh_token": ann.refresh_token})
    assert answer.status == 200
    assert answer.json.keys() == TOKENS
    assert answer.json["session"]["id"] == ann.sid
    assert answer.json["refresh_token"] != ann.refresh_token
    assert answer.json["session"].keys() == SESSION
    assert "set-cookie" not in answer.headers


async def test_what_tokens_tell_of_their_session_is_what_the_list_tells(node: RestNode) -> None:
    """But for the number of connections, which would not be true: nobody asks the engine for it."""
    ann = await node.person()
    tokens = await refresh(node, ann)
    [listed] = (await node.call("GET", "/v1/sessions", by=ann)).json["sessions"]
    assert tokens.json["session"] == {name: value for name, value in listed.items() if name != "connections"}


async def refresh(node: RestNode, whose: Person, device_id: str = "") -> Answer:
    """With the token of the log-in."""
    said = {"device_id": device_id} if device_id else {}
    return await node.call("POST", "/v1/token/refresh", {"refresh_token": whose.refresh_token, **said})


async def test_tabs_that_refresh_at_once_get_one_successor(node: RestNode) -> None:
    ann = await node.person()
    answers = await asyncio.gather(*(refresh(node, ann, ann.device["id"]) for _ in range(20)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.json["refresh_token"] for answer in answers}) == 1


async def test_a_used_token_gives_its_successor_to_its_own_device_alone(node: RestNode) -> None:
    ann = await node.person()
    live = (await refresh(node, ann)).json
    for _ in range(3):
        answer = await refresh(node, ann)
        assert (answer.status, answer.json["code"]) == (401, "refresh_token_invalid")
    answer = await refresh(node, ann, ann.device["id"])
    assert (answer.status, answer.json["refresh_token"]) == (200, live["refresh_token"])


@pytest.mark.parametrize("is_used", [False, True])
async def test_a_token_that_another_device_shows_is_taken_for_stolen(node: RestNode, is_used: bool) -> None:
    ann = await node.person()
    if is_used:
        assert (await refresh(node, ann, ann.device["id"])).status == 200
    answer = await refresh(node, ann, node.device()["id"])
    assert (answer.status, answer.json["code"]) == (401, "refresh_token_invalid")
    assert (await node.call("GET", "/v1/me", by=ann)).json["code"] == "session_revoked"


@pytest.mark.parametrize("device_id", ["short", "x" * 65, "", 1, None])
async def test_what_is_no_device_refreshes_nothing(node: RestNode, device_id: object) -> None:
    ann = await node.person()
    body = {"refresh_token": ann.refresh_token, "device_id": device_id}
    answer = await node.call("POST", "/v1/token/refresh", body)
    assert (answer.status, answer.json["code"], answer.json["field"]) == (400, "invalid_field", "device_id")
    assert (await refresh(node, ann)).status == 200


@pytest.mark.parametrize("token", ["x", "A" * 96, "ä"])
async def test_a_refresh_token_of_nobody(node: RestNode, token: str) -> None:
    answer = await node.call("POST", "/v1/token/refresh", {"refresh_token": token})
    expected = (400, "invalid_field") if token == "ä" else (401, "refresh_token_invalid")
    assert (answer.status, answer.json["code"]) == expected


async def test_refresh_without_any_token(node: RestNode) -> None:
    bodies: tuple[object, ...] = (None, {})
    for body in bodies:
        answer = await node.call("POST", "/v1/token/refresh", body)
        assert (answer.status, answer.json["code"]) == (401, "refresh_token_invalid")


async def test_log_out_by_bearer_token(node: RestNode) -> None:
    ann = await node.person()
    assert (await node.call("POST", "/v1/logout", by=ann)).status == 204
    answer = await node.call("GET", "/v1/me", by=ann)
    assert (answer.status, answer.json["code"]) == (401, "session_revoked")
    answer = await node.call("POST", "/v1/token/refresh", {"refresh_token": ann.refresh_token})
    assert (answer.status, answer.json["code"]) == (401, "refresh_token_invalid")


async def test_who_logs_out_of_what_has_just_ended_is_logged_out(node: RestNode) -> None:
    """Two tabs at once, or two nodes: the token was good when it was looked at, and the session over a moment later."""
    ann = await node.person()
    await node.platform.sessions._database.run(lambda tx: tx.execute(END_UNHEARD))
    answer = await node.call("POST", "/v1/logout", by=ann)
    assert answer.status == 204
    assert "Max-Age=0" in answer.headers["set-cookie"]


async def test_log_out_of_nobody(node: RestNode) -> None:
    answer = await node.call("POST", "/v1/logout")
    assert (answer.status, answer.json["code"]) == (401, "refresh_token_invalid")


async def test_profile(node: RestNode) -> None:
    ann = await node.person("ann@example.com")
    answer = await node.call("GET", "/v1/me", by=ann)
    assert answer.status == 200
    assert answer.json.keys() == USER
    answer = await node.call("PATCH", "/v1/me", {"name": "Ann B."}, by=ann)
    assert (answer.status, answer.json["name"]) == (200, "Ann B.")
    assert (await node.call("GET", "/v1/me", by=ann)).json["name"] == "Ann B."


async def test_a_new_password_ends_the_other_sessions(node: RestNode) -> None:
    ann = await node.person("ann@example.com")
    other = await node.logged_in("ann@example.com")
    change = {"current_password": PASSWORD, "new_password": "another horse battery"}
    assert (await node.call("POST", "/v1/me/password", change, by=ann)).status == 204
    assert (await node.call("GET", "/v1/me", by=ann)).status == 200
    assert (await node.call("GET", "/v1/me", by=other)).json["code"] == "session_revoked"
    login = {"email": "ann@example.com", "password": PASSWORD, "device": node.device(), "mode": "token"}
    assert (await node.call("POST", "/v1/login", login)).status == 401
    assert (await node.call("POST", "/v1/login", {**login, "password": "another horse battery"})).status == 200


async def test_a_new_password_needs_the_current_one(node: RestNode) -> None:
    ann = await node.person()
    change = {"current_password": "not the password", "new_password": "another horse battery"}
    answer = await node.call("POST", "/v1/me/password", change, by=ann)
    assert (answer.status, answer.json["code"]) == (401, "invalid_credentials")


async def test_guessing_is_slowed_down(node: RestNode) -> None:
    await node.person("ann@example.com")
    body = {"email": "ann@example.com", "password": "not the password", "device": node.device(), "mode": "token"}
    answers = [await node.call("POST", "/v1/login", body) for _ in range(30)]
    statuses = [answer.status for answer in answers]
    assert statuses == sorted(statuses)
    assert set(statuses) == {401, 429}
    assert answers[-1].json["code"] == "too_many_attempts"
    assert int(answers[-1].headers["retry-after"]) > 0


async def test_an_external_log_in_without_a_provider(node: RestNode) -> None:
    body = {"issuer": "https://idp", "token": "x.y.z", "device": node.device(), "mode": "token"}
    answer = await node.call("POST", "/v1/login/external", body)
    assert (answer.status, answer.json["code"]) == (401, "invalid_credentials")
