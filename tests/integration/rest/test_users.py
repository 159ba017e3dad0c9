"""Users and the audit trail, for administrators."""

from __future__ import annotations

import pytest

from services.accounts.user import Role
from tests.integration.rest.test_sessions import NOBODY
from tests.support.rest_node import PASSWORD, RestNode


async def test_pages_of_users(node: RestNode) -> None:
    admin = await node.person(role=Role.ADMIN)
    ids = {admin.id, *[(await node.person()).id for _ in range(4)]}
    found: list[str] = []
    cursor, pages = "", 0
    while True:
        answer = await node.call("GET", f"/v1/users?limit=2&cursor={cursor}", by=admin)
        assert answer.status == 200
        found += [user["id"] for user in answer.json["users"]]
        pages += 1
        if "next_cursor" not in answer.json:
            break
        cursor = answer.json["next_cursor"]
    assert pages == 3
    assert (sorted(found), len(found)) == (sorted(ids), 5)


async def test_one_user(node: RestNode) -> None:
    ann, admin = await node.person("ann@example.com"), await node.person(role=Role.ADMIN)
    answer = await node.call("GET", f"/v1/users/{ann.id}", by=admin)
    assert (answer.status, answer.json["email"], answer.json["role"]) == (200, "ann@example.com", "CUSTOMER")
    assert b"password" not in answer.body
    for user_id in (NOBODY, "x", "%00"):
        assert (await node.call("GET", f"/v1/users/{user_id}", by=admin)).status == 404


async def test_a_new_role_holds_for_the_next_token(node: RestNode) -> None:
    ann, admin = await node.person(), await node.person(role=Role.ADMIN)
    answer = await node.call("PATCH", f"/v1/users/{ann.id}", {"role": "ADMIN"}, by=admin)
    assert (answer.status, answer.json["role"]) == (200, "ADMIN")
    answer = await node.call("POST", "/v1/token/refresh", {"refresh_token": ann.refresh_token})
    assert answer.json["user"]["role"] == "ADMIN"
    bearer = {"Authorization": f"Bearer {answer.json['access_token']}"}
    assert (await node.call("GET", "/v1/users", headers=bearer)).status == 200


async def test_an_administrator_who_is_none_any_more(node: RestNode) -> None:
    """Its token ends with the role, and the next one is no administrator's."""
    first, second = await node.person(role=Role.ADMIN), await node.person(role=Role.ADMIN)
    assert (await node.call("PATCH", f"/v1/users/{second.id}", {"role": "CUSTOMER"}, by=first)).status == 200
    answer = await node.call("POST", "/v1/token/refresh", {"refresh_token": second.refresh_token})
    bearer = {"Authorization": f"Bearer {answer.json['access_token']}"}
    for path in ("/v1/users", "/v1/audit", f"/v1/users/{first.id}/sessions"):
        answer = await node.call("GET", path, by=second)
        assert (answer.status, answer.json["code"]) == (401, "token_expired"), path
        answer = await node.call("GET", path, headers=bearer)
        assert (answer.status, answer.json["code"]) == (403, "forbidden"), path


async def test_disabling_ends_everything(node: RestNode) -> None:
    ann, admin = await node.person("ann@example.com"), await node.person(role=Role.ADMIN)
    async with await node.connected(ann) as client:
        answer = await node.call("PATCH", f"/v1/users/{ann.id}", {"status": "disabled"}, by=admin)
        assert (answer.status, answer.json["status"]) == (200, "disabled")
        assert (await client.closing()).code == 3590
    assert (await node.call("GET", "/v1/me", by=ann)).status == 401
    login = {"email": "ann@example.com", "password": PASSWORD, "device": ann.device, "mode": "token"}
    assert (await node.call("POST", "/v1/login", login)).status == 401
    assert (await node.call("PATCH", f"/v1/users/{ann.id}", {"status": "active"}, by=admin)).status == 200
    assert (await node.call("POST", "/v1/login", login)).status == 200


async def test_the_last_administrator_stays(node: RestNode) -> None:
    admin = await node.person(role=Role.ADMIN)
    for change in ({"role": "CUSTOMER"}, {"status": "disabled"}):
        answer = await node.call("PATCH", f"/v1/users/{admin.id}", change, by=admin)
        assert (answer.status, answer.json["code"]) == (409, "last_administrator")


@pytest.mark.parametrize(
    "change", [{}, {"role": "ROOT"}, {"status": "gone"}, {"email": "x@example.com"}, {"role": None}]
)
async def test_what_cannot_be_changed(node: RestNode, change: dict[str, object]) -> None:
    ann, admin = await node.person(), await node.person(role=Role.ADMIN)
    answer = await node.call("PATCH", f"/v1/users/{ann.id}", change, by=admin)
    assert (answer.status, answer.json["code"]) == (400, "invalid_field")
    assert "ROOT" not in answer.json["detail"]


async def test_pages_of_the_audit_trail(node: RestNode) -> None:
    ann, admin = await node.person(), await node.person(role=Role.ADMIN)
    await node.call("POST", "/v1/logout", by=ann)
    everything = (await node.call("GET", "/v1/audit?limit=200", by=admin)).json["entries"]
    page = (await node.call("GET", "/v1/audit?limit=2", by=admin)).json
    assert len(page["entries"]) == 2
    rest = (await node.call("GET", f"/v1/audit?limit=200&cursor={page['next_cursor']}", by=admin)).json["entries"]
    ids = [entry["id"] for entry in page["entries"] + rest]
    assert ids == sorted(ids, reverse=True)
    assert {entry["id"] for entry in everything} <= set(ids)
    of_ann = (await node.call("GET", f"/v1/audit?subject={ann.id}", by=admin)).json["entries"]
    assert of_ann
    assert {entry["subject"] for entry in of_ann} == {ann.id}
    assert of_ann[0].keys() == {"id", "at", "action", "actor", "subject", "session", "address", "detail"}
