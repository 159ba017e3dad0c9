"""Who may call what: every operation and role against the table of `samples`; the owner's things and others' (T13)."""

from __future__ import annotations

import pytest

from api.rest.operation import Access
from services.accounts.user import Role
from sessions.principal import Principal
from tests.integration.rest.samples import ADMIN, CUSTOMER, NOBODY, OPS, SAMPLES, VENDOR
from tests.support.rest_node import RestNode

ROLES = (NOBODY, CUSTOMER, VENDOR, OPS, ADMIN)


async def test_every_operation_has_a_row(node: RestNode) -> None:
    """An operation that is added and not thought about fails here."""
    assert {operation.id for operation in node.rest.operations} == SAMPLES.keys()
    assert len({operation.id for operation in node.rest.operations}) == len(node.rest.operations)


async def test_everything_but_the_public_operations_names_an_action(node: RestNode) -> None:
    public = {operation.id for operation in node.rest.operations if operation.access is Access.PUBLIC}
    assert public == {
        "register",
        "login",
        "loginExternal",
        "refreshToken",
        "logout",
        "backchannelLogout",
        "pushSecurityEvent",
        "getKeys",
    }
    others = [operation for operation in node.rest.operations if operation.id not in public]
    assert all(operation.action is not None for operation in others)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("operation_id", SAMPLES)
async def test_matrix(node: RestNode, operation_id: str, role: str) -> None:
    sample = SAMPLES[operation_id]
    [operation] = [operation for operation in node.rest.operations if operation.id == operation_id]
    other = await node.person("other@example.com")
    me = None if role == NOBODY else await node.person("me@example.com", Role(role))
    path = sample.path_for(me, other)
    answer = await node.call(operation.method, path, sample.body, by=me, headers=sample.headers)
    assert answer.status == sample.statuses[role], answer
    if answer.status in {401, 403} and role != NOBODY and operation.access is not Access.PUBLIC:
        assert answer.json["code"] == "forbidden"
    if answer.status in {401, 403}:
        assert other.id not in answer.body.decode()
        assert other.email not in answer.body.decode()


async def test_a_role_that_nobody_knows_opens_nothing(node: RestNode, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deny by default: a valid token is not a permission, not even for one's own things."""
    ann, other = await node.person(), await node.person()

    async def authenticate(_: str) -> Principal:
        return Principal(ann.id, ann.sid, ann.device["id"], frozenset({"GUEST"}))

    monkeypatch.setattr(node.platform.sessions, "authenticate", authenticate)
    guarded = [operation for operation in node.rest.operations if operation.access is not Access.PUBLIC]
    assert len(guarded) > 15
    for operation in guarded:
        sample = SAMPLES[operation.id]
        path = sample.path_for(ann, other)
        answer = await node.call(operation.method, path, sample.body, by=ann, headers=sample.headers)
        assert (answer.status, answer.json["code"]) == (403, "forbidden"), operation.id


@pytest.mark.parametrize("operation_id", [name for name, sample in SAMPLES.items() if sample.statuses[NOBODY] == 401])
@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Bearer x", "Bearer x.y.z", "Basic YTpi", "bearer\tx", "Bearer a, Bearer b", "apikey x"],
)
async def test_what_is_no_access_token(node: RestNode, operation_id: str, authorization: str) -> None:
    sample = SAMPLES[operation_id]
    [operation] = [operation for operation in node.rest.operations if operation.id == operation_id]
    other = await node.person()
    headers = {**sample.headers, "Authorization": authorization}
    answer = await node.call(operation.method, sample.path_for(None, other), sample.body, headers=headers)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_refresh_token_is_no_access_token(node: RestNode) -> None:
    ann = await node.person()
    answer = await node.call("GET", "/v1/me", headers={"Authorization": f"Bearer {ann.refresh_token}"})
    assert (answer.status, answer.json["code"]) == (401, "unauthorized")


async def test_an_access_token_is_no_refresh_token(node: RestNode) -> None:
    ann = await node.person()
    answer = await node.call("POST", "/v1/token/refresh", {"refresh_token": ann.access_token})
    assert (answer.status, answer.json["code"]) == (401, "refresh_token_invalid")


async def test_two_authorization_headers(node: RestNode) -> None:
    """Which of them would count is for an attacker to choose."""
    ann, eve = await node.person(), await node.person()
    for first, second in ((ann, eve), (ann, ann)):
        head = (
            f"GET /v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {first.access_token}\r\n"
            f"Authorization: Bearer {second.access_token}\r\n\r\n"
        )
        assert b" 401 " in await node.exchange(head.encode())
