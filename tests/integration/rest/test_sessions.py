"""Login sessions over HTTP: one's own, and everybody's for administrators."""

from __future__ import annotations

import uuid

from services.accounts.user import Role
from tests.support.patience import eventually
from tests.support.rest_node import Person, RestNode

NOBODY = "0" * 8 + "-0000" * 3 + "-" + "0" * 12


async def listed(node: RestNode, person: Person) -> list[str]:
    answer = await node.call("GET", "/v1/sessions", by=person)
    assert answer.status == 200
    return [session["id"] for session in answer.json["sessions"]]


async def test_list_newest_first_with_live_connections(node: RestNode) -> None:
    first = await node.person("ann@example.com")
    second = await node.logged_in("ann@example.com")

    async def is_counted() -> bool:
        sessions = (await node.call("GET", "/v1/sessions", by=second)).json["sessions"]
        assert [session["id"] for session in sessions] == [second.sid, first.sid]
        assert [session["current"] for session in sessions] == [True, False]
        return [session["connections"] for session in sessions] == [0, 1]

    async with await node.connected(first):
        await eventually(is_counted)


async def test_rename(node: RestNode) -> None:
    ann = await node.person()
    answer = await node.call("PATCH", f"/v1/sessions/{ann.sid}", {"name": "Kitchen"}, by=ann)
    assert answer.status == 200
    [session] = (await node.call("GET", "/v1/sessions", by=ann)).json["sessions"]
    assert answer.json == session
    assert session["name"] == "Kitchen"


async def test_revoke_one_closes_its_connections_and_no_other(node: RestNode) -> None:
    here = await node.person("ann@example.com")
    there = await node.logged_in("ann@example.com")
    async with await node.connected(here) as staying, await node.connected(there) as leaving:
        assert (await node.call("DELETE", f"/v1/sessions/{there.sid}", by=here)).status == 204
        assert (await leaving.closing()).code == 3590
        assert await listed(node, here) == [here.sid]
        assert (await node.call("GET", "/v1/me", by=there)).json["code"] == "session_revoked"
        await staying.call("rpc", method="sessions.list", data={})


async def test_revoke_twice(node: RestNode) -> None:
    here = await node.person("ann@example.com")
    there = await node.logged_in("ann@example.com")
    assert (await node.call("DELETE", f"/v1/sessions/{there.sid}", by=here)).status == 204
    answer = await node.call("DELETE", f"/v1/sessions/{there.sid}", by=here)
    assert (answer.status, answer.json["code"]) == (404, "not_found")


async def test_revoking_the_own_session_is_logging_out(node: RestNode) -> None:
    ann = await node.person()
    admin = await node.person(role=Role.ADMIN)
    assert (await node.call("DELETE", f"/v1/sessions/{ann.sid}", by=ann)).status == 204
    entries = (await node.call("GET", f"/v1/audit?subject={ann.id}", by=admin)).json["entries"]
    revoked = next(entry for entry in entries if entry["action"] == "session.revoked")
    assert revoked["detail"]["reason"] == "logout"


async def test_revoke_others_and_all(node: RestNode) -> None:
    ann = await node.person("ann@example.com")
    for _ in range(2):
        await node.logged_in("ann@example.com")
    answer = await node.call("POST", "/v1/sessions/revoke-others", by=ann)
    assert (answer.status, answer.json) == (200, {"revoked": 2})
    assert await listed(node, ann) == [ann.sid]
    await node.logged_in("ann@example.com")
    answer = await node.call("POST", "/v1/sessions/revoke-all", by=ann)
    assert (answer.status, answer.json) == (200, {"revoked": 2})
    assert (await node.call("GET", "/v1/sessions", by=ann)).status == 401


async def test_others_sessions_are_not_there(node: RestNode) -> None:
    """Another user's session and none at all are answered alike (threat T13)."""
    ann, eve = await node.person(), await node.person()
    for sid in (ann.sid, NOBODY, str(uuid.uuid4()), "x", "%00", "..%2F..", "%ff", "'or'1'='1"):
        for method, body in (("DELETE", None), ("PATCH", {"name": "mine"})):
            answer = await node.call(method, f"/v1/sessions/{sid}", body, by=eve)
            assert (answer.status, answer.json["code"]) == (404, "not_found"), sid
            assert b"exist" not in answer.body
    assert await listed(node, ann) == [ann.sid]


async def test_administrators_see_and_end_others_sessions(node: RestNode) -> None:
    ann, admin = await node.person("ann@example.com"), await node.person(role=Role.ADMIN)
    second = await node.logged_in("ann@example.com")
    path = f"/v1/users/{ann.id}/sessions"
    sessions = (await node.call("GET", path, by=admin)).json["sessions"]
    assert [(session["id"], session["current"]) for session in sessions] == [(second.sid, False), (ann.sid, False)]
    assert (await node.call("DELETE", f"{path}/{second.sid}", by=admin)).status == 204
    answer = await node.call("POST", f"{path}/revoke-all", by=admin)
    assert (answer.status, answer.json) == (200, {"revoked": 1})
    entries = (await node.call("GET", f"/v1/audit?subject={ann.id}", by=admin)).json["entries"]
    reasons = [entry["detail"]["reason"] for entry in entries if entry["action"].startswith("session.revoked")]
    assert set(reasons) == {"administrator"}
    assert any(entry["action"] == "user.read" and entry["actor"] == admin.id for entry in entries), "reads are audited"


async def test_administrators_find_no_sessions_of_nobody(node: RestNode) -> None:
    ann, admin = await node.person(), await node.person(role=Role.ADMIN)
    for method, path in (
        ("GET", f"/v1/users/{NOBODY}/sessions"),
        ("POST", f"/v1/users/{NOBODY}/sessions/revoke-all"),
        ("DELETE", f"/v1/users/{NOBODY}/sessions/{ann.sid}"),
        ("DELETE", f"/v1/users/{ann.id}/sessions/{admin.sid}"),
    ):
        answer = await node.call(method, path, by=admin)
        assert (answer.status, answer.json["code"]) == (404, "not_found"), path


async def test_the_shapes_of_rest_and_rpc_are_one(node: RestNode) -> None:
    ann = await node.person()
    async with await node.connected(ann) as client:
        reply = await client.call("rpc", method="sessions.list", data={})
        assert reply["data"] == (await node.call("GET", "/v1/sessions", by=ann)).json
