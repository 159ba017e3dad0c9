"""What operators do, from one node to both; and what the audit trail says of it."""

from __future__ import annotations

from typing import Any

import pytest

from services.accounts.user import Role
from services.operations.questions import MAX_CONNECTIONS
from storage.database import StorageUnavailable
from tests.support.operations_world import TwoNodes
from tests.support.rest_node import Person, RestNode
from tests.support.tracer import RecordingTracer


async def do(node: RestNode, path: str, body: object, by: Person) -> Any:
    return await node.call("POST", f"/v1/ops{path}", body, by=by)


async def trail(node: RestNode, action: str) -> list[dict[str, Any]]:
    """The entries of one kind, newest first."""
    page = await node.platform.audit.list("", "", 200)
    return [
        {"actor": entry.actor, "subject": entry.subject, "session": entry.session, "detail": dict(entry.detail)}
        for entry in page.entries
        if entry.action == action
    ]


@pytest.mark.parametrize(("can_reconnect", "code"), [(True, 3011), (False, 3503)])
async def test_a_connection_of_the_other_node_is_closed(
    nodes: TwoNodes, operator: Person, can_reconnect: bool, code: int
) -> None:
    client, other = await nodes.b.connected("bob"), await nodes.b.connected("bob")
    [one, _] = nodes.b.hub.registry.of_user("bob")
    body = {"user": "bob", "client": one.client_id, "can_reconnect": can_reconnect}
    assert (await do(nodes.a, "/connections/disconnect", body, operator)).status == 204
    assert (await client.closing()).code == code
    await other.settled()
    [entry] = await trail(nodes.a, "connection.disconnected")
    assert entry == {
        "actor": operator.id,
        "subject": "bob",
        "session": operator.sid,
        "detail": {"client": one.client_id, "code": code},
    }


async def test_a_client_of_another_user_stays(nodes: TwoNodes, operator: Person) -> None:
    client = await nodes.b.connected("bob")
    [connection] = nodes.b.hub.registry.of_user("bob")
    body = {"user": "eve", "client": connection.client_id}
    assert (await do(nodes.a, "/connections/disconnect", body, operator)).status == 204
    await client.settled()


async def test_it_takes_one_client_and_not_all_of_a_user(nodes: TwoNodes, operator: Person) -> None:
    """Nor, with no user either, everybody who is anonymous."""
    for user in ("bob", ""):
        answer = await do(nodes.a, "/connections/disconnect", {"user": user, "client": ""}, operator)
        assert (answer.status, answer.json["field"]) == (400, "client")


async def test_a_session_is_ended_with_its_connections(nodes: TwoNodes, operator: Person) -> None:
    ann = await nodes.a.person()
    async with await nodes.a.connected(ann) as client:
        assert (await do(nodes.a, f"/sessions/{ann.sid}/revoke", None, operator)).status == 204
        assert (await client.closing()).code in range(3500, 4000)
    assert (await nodes.a.call("GET", "/v1/me", by=ann)).status == 401
    [entry] = await trail(nodes.a, "session.revoked")
    assert (entry["actor"], entry["subject"], entry["session"]) == (operator.id, ann.id, ann.sid)
    again = await do(nodes.a, f"/sessions/{ann.sid}/revoke", None, operator)
    assert (again.status, again.json["code"]) == (404, "not_found")


async def test_a_publication_arrives_and_is_kept(nodes: TwoNodes, operator: Person) -> None:
    bob = await nodes.b.subscribed("bob", "news:today")
    body = {"channel": "news:today", "data": {"n": [1, None]}, "tags": {"kind": "test"}}
    answer = await do(nodes.a, "/channel/publish", body, operator)
    assert answer.json["offset"] == 1
    assert answer.json["epoch"]
    assert "trace_id" not in answer.json  # nothing is followed here
    assert await bob.data("news:today", 1) == [{"n": [1, None]}]
    history = (await nodes.a.call("GET", "/v1/ops/channel/history?name=news:today", by=operator)).json
    assert history["publications"] == [{"data": {"n": [1, None]}, "offset": 1, "tags": {"kind": "test"}}]
    [entry] = await trail(nodes.a, "channel.published")
    assert entry["detail"]["channel"] == "news:today"
    assert entry["detail"]["num_bytes"] > 10


async def test_the_newest_of_a_history_come_first(nodes: TwoNodes, operator: Person) -> None:
    for number in range(12):  # the namespace keeps ten
        await nodes.a.hub.publish("news:today", b"%d" % number)
    history = (await nodes.a.call("GET", "/v1/ops/channel/history?name=news:today&limit=3", by=operator)).json
    assert [publication["data"] for publication in history["publications"]] == [11, 10, 9]
    assert history["offset"] == 12


async def test_a_publication_is_always_followed(node: RestNode) -> None:
    tracer = RecordingTracer(samples=False)
    node.hub.tracer = tracer
    operator = await node.person(role=Role.OPS)
    answer = await do(node, "/channel/publish", {"channel": "news:today", "data": 1}, operator)
    names = [span.name for span in tracer.spans]
    assert names[0] == "test publication"
    assert "publish news" in names
    assert {span.context.trace_id for span in tracer.spans} == {answer.json["trace_id"]}


@pytest.mark.parametrize(
    ("channel", "status", "code"),
    [
        ("state:cart#ann", 403, "platform_channel"),
        ("sessions:#ann", 403, "platform_channel"),
        ("ops:overview", 403, "platform_channel"),
        ("$ops:overview", 403, "platform_channel"),
        ("nowhere:x", 404, "not_found"),
        ("", 400, "invalid_request"),
    ],
)
async def test_where_nobody_publishes_by_hand(node: RestNode, channel: str, status: int, code: str) -> None:
    """A forged version of a document, or a forged event of a session, would be believed by every frontend."""
    admin = await node.person(role=Role.ADMIN)
    answer = await do(node, "/channel/publish", {"channel": channel, "data": 1}, admin)
    assert (answer.status, answer.json["code"]) == (status, code)


async def test_data_that_would_break_clients_is_refused(node: RestNode) -> None:
    operator = await node.person(role=Role.OPS)
    data: object = 1
    for _ in range(70):
        data = [data]
    answer = await do(node, "/channel/publish", {"channel": "news:today", "data": data}, operator)
    assert (answer.status, answer.json["code"]) == (400, "invalid_request")


async def test_nothing_is_done_that_cannot_be_recorded(node: RestNode, monkeypatch: pytest.MonkeyPatch) -> None:
    operator = await node.person(role=Role.OPS)

    async def no_answer(*_: object, **__: object) -> None:
        raise StorageUnavailable("no answer")

    monkeypatch.setattr(node.platform.audit, "record_alone", no_answer)
    ann = await node.person()
    async with await node.connected(ann) as client:
        [connection] = node.hub.registry.of_user(ann.id)
        bodies = {
            "/connections/disconnect": {"user": ann.id, "client": connection.client_id},
            "/channel/publish": {"channel": "news:today", "data": 1},
        }
        for path, body in bodies.items():
            assert (await do(node, path, body, operator)).status == 503
        await client.settled()
    assert not (await node.hub.history("news:today", limit=1)).publications


async def test_a_role_that_was_taken_away_counts_at_once(nodes: TwoNodes, operator: Person) -> None:
    """The token still says OPS; the database decides."""
    admin = await nodes.a.person(role=Role.ADMIN)
    await nodes.a.call("PATCH", f"/v1/users/{operator.id}", {"role": "CUSTOMER"}, by=admin)
    answer = await nodes.a.call("GET", f"/v1/ops/connections?limit={MAX_CONNECTIONS}", by=operator)
    assert answer.status in {401, 403}
