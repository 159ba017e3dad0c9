"""What operators see of two nodes, asked at one of them."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import pytest

from hub import survey
from services.accounts.user import Role
from services.operations import channel_views
from tests.support.operations_world import OTHER_NAME, TwoNodes
from tests.support.patience import eventually
from tests.support.rest_node import NODE_NAME, Person

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


async def seen(nodes: TwoNodes, path: str, by: Person) -> Any:
    answer = await nodes.a.call("GET", f"/v1/ops{path}", by=by)
    assert answer.status == 200, answer
    return answer.json


async def test_all_nodes_are_listed_with_what_they_count(nodes: TwoNodes, operator: Person) -> None:
    await nodes.b.connected("ann")
    view = await seen(nodes, "/nodes", operator)
    a, b = view["nodes"]
    assert (a["name"], b["name"]) == (NODE_NAME, OTHER_NAME)
    assert view["asked"] == a["uid"] == nodes.a.hub.uid
    assert (a["num_clients"], b["num_clients"], b["num_users"]) == (0, 1, 1)
    assert b["metrics"]["connections_opened"] == 1
    assert a["rss_bytes"] > 10_000_000
    assert a["cpu_percent"] >= 0
    assert not a["is_silent"]
    assert a["health"]["status"] == "ok"


async def test_connections_are_found_wherever_they_are(nodes: TwoNodes, operator: Person) -> None:
    ann = await nodes.a.person()
    async with await nodes.a.connected(ann) as client:
        await client.call("subscribe", channel="news:today")
        await nodes.b.connected("ann-of-a-backend")
        everything = await seen(nodes, "/connections", operator)
        assert everything["total"] == 2
        assert [found["node_name"] for found in everything["connections"]] == [OTHER_NAME, NODE_NAME]
        assert everything["silent"] == []
        other, mine = everything["connections"]
        assert (other["user"], other["session"], other["device"]) == ("ann-of-a-backend", "", "")
        assert (mine["user"], mine["session"], mine["device"]) == (ann.id, ann.sid, ann.device["id"])
        assert (mine["transport"], mine["encoding"]) == ("websocket", "json")
        assert mine["channels"] == ["news:today", f"sessions:#{ann.id}"]
        assert mine["num_subscriptions"] == 2
        assert abs(mine["connected_ms"] - nodes.a.hub.clock.now_s() * 1000) < 60_000
        for query, expected in {
            f"user={ann.id[:13]}": {ann.id},
            f"session={ann.sid}": {ann.id},
            f"device={ann.device['id'][:10]}": {ann.id},
            f"client={mine['client']}": {ann.id},
            f"node={OTHER_NAME}": {"ann-of-a-backend"},
            f"node={nodes.b.hub.uid}": {"ann-of-a-backend"},
            "user=ann-": {"ann-of-a-backend"},
            f"user=ann-&node={NODE_NAME}": set(),
        }.items():
            found = await seen(nodes, f"/connections?{query}", operator)
            assert {each["user"] for each in found["connections"]} == expected, query
            assert found["total"] == len(expected)


async def test_more_connections_than_are_listed_are_counted(nodes: TwoNodes, operator: Person) -> None:
    for number in range(3):
        await nodes.b.connected(f"user-{number}")
    found = await seen(nodes, "/connections?limit=2", operator)
    assert found["total"] == 3
    assert [each["user"] for each in found["connections"]] == ["user-2", "user-1"]


async def test_channels_are_counted_over_both(nodes: TwoNodes, operator: Person) -> None:
    ann = await nodes.a.person()
    async with await nodes.a.connected(ann) as client:
        await client.call("subscribe", channel="news:today")
        await nodes.b.subscribed("bob", "news:today", "news:old")
        found = await seen(nodes, "/channels?pattern=news:*", operator)
        assert found["channels"] == [
            {"name": "news:today", "namespace": "news", "num_clients": 2},
            {"name": "news:old", "namespace": "news", "num_clients": 1},
        ]
        assert (found["total"], found["silent"]) == (2, [])
        assert (await seen(nodes, "/channels?pattern=tod&limit=1", operator))["channels"] == found["channels"][:1]
        detail = await seen(nodes, "/channel?name=news:today", operator)
        assert (detail["num_clients"], detail["num_members"]) == (2, 2)
        assert {member["user"] for member in detail["members"]} == {ann.id, "bob"}
        assert detail["options"]["history_size"] == 10
        assert (detail["offset"], bool(detail["epoch"])) == (0, True)


async def test_a_name_with_wildcards_is_taken_as_it_is(nodes: TwoNodes, operator: Person) -> None:
    await nodes.b.subscribed("bob", "news:a", "news:b")
    assert (await seen(nodes, "/channel?name=news:%3F", operator))["num_clients"] == 0


async def test_a_channel_with_very_many_is_counted_and_not_listed(
    nodes: TwoNodes, operator: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel_views, "MAX_LOOKED_AT", 1)
    await nodes.b.subscribed("bob", "news:a")
    await nodes.b.subscribed("cem", "news:a")
    detail = await seen(nodes, "/channel?name=news:a", operator)
    assert (detail["members"], detail["num_members"]) == ([], 2)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/channel?name=nowhere:x", 404, "not_found"),
        ("/channel?name=", 400, "invalid_field"),
        ("/channel/history?name=ops:logs", 403, "platform_channel"),
        ("/channel/history?name=state:cart%23ann", 403, "platform_channel"),
        ("/channel/history?name=$sessions:%23ann", 403, "platform_channel"),
        ("/channel/history?name=plain", 404, "no_history"),
        ("/channel/history?name=nowhere:x", 404, "not_found"),
        ("/traces/xyz", 404, "not_found"),
        ("/relays/none/dead-letters", 404, "not_found"),
        ("/connections?limit=501", 400, "invalid_field"),
        ("/connections?user=%00", 400, "invalid_field"),
        ("/logs?level=loud", 400, "invalid_field"),
    ],
)
async def test_what_is_not_there_or_not_for_them(
    nodes: TwoNodes, operator: Person, path: str, status: int, code: str
) -> None:
    answer = await nodes.a.call("GET", f"/v1/ops{path}", by=operator)
    assert (answer.status, answer.json["code"]) == (status, code)


async def test_lines_of_both_come_by_time(nodes: TwoNodes, operator: Person) -> None:
    nodes.lines_of_a.write("first", 1_000)
    nodes.lines_of_b.write("second", 2_000, level="error")
    nodes.lines_of_a.write("third", 3_000)
    found = await seen(nodes, "/logs", operator)
    assert [(line["event"], line["node_name"]) for line in found["lines"]] == [
        ("third", NODE_NAME),
        ("second", OTHER_NAME),
        ("first", NODE_NAME),
    ]
    assert [line["event"] for line in (await seen(nodes, "/logs?level=error", operator))["lines"]] == ["second"]
    assert [line["event"] for line in (await seen(nodes, "/logs?text=ir&limit=1", operator))["lines"]] == ["third"]
    assert [line["event"] for line in (await seen(nodes, f"/logs?node={OTHER_NAME}", operator))["lines"]] == ["second"]


async def test_a_trace_over_both_is_one(nodes: TwoNodes, operator: Person) -> None:
    nodes.traces_of_a.follow(TRACE_ID, 1_000, channel="news:today")
    nodes.traces_of_b.follow(TRACE_ID, 1_002, error="slow", num_acknowledged=2)
    nodes.traces_of_b.follow("1" * 32, 500)
    found = await seen(nodes, "/traces", operator)
    assert found["is_enabled"]
    first, second = found["traces"]
    assert (first["trace_id"], first["nodes"], first["num_spans"]) == (TRACE_ID, [NODE_NAME, OTHER_NAME], 2)
    assert (first["channel"], first["error"], first["num_acknowledged"]) == ("news:today", "slow", 2)
    assert second["trace_id"] == "1" * 32
    # A filter that only one half of a trace meets finds the whole of it.
    for query in ("errors_only=true", "channel=news:today", "text=slow", "min_ms=6.5"):
        assert [each["num_spans"] for each in (await seen(nodes, f"/traces?{query}", operator))["traces"]] == [2], query
    trace = await seen(nodes, f"/traces/{TRACE_ID.upper()}", operator)
    assert [span["node_name"] for span in trace["spans"]] == [NODE_NAME, OTHER_NAME]
    assert (await seen(nodes, f"/traces/{'2' * 32}", operator))["spans"] == []


async def test_relays_of_both(nodes: TwoNodes, operator: Person) -> None:
    [outbox] = (await seen(nodes, "/relays", operator))["relays"]
    assert (outbox["name"], outbox["kind"], outbox["node_name"]) == ("outbox", "outbox", NODE_NAME)
    assert outbox["is_attached"]
    assert "outbox_waiting" in outbox["measures"]
    assert not outbox["has_dead_letters"]


async def test_settings(nodes: TwoNodes, operator: Person) -> None:
    assert (await seen(nodes, "/settings", operator))["settings"][0]["key"] == "node.name"


async def test_a_node_that_is_silent_is_named_everywhere(
    nodes: TwoNodes, operator: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "SILENCE_S", 0.2)
    monkeypatch.setattr(nodes.b.hub.survey, "receive_question", lambda *_: None)
    await nodes.b.connected("bob")
    for path in ("/connections", "/channels", "/relays", "/traces", f"/traces/{TRACE_ID}", "/logs"):
        assert (await seen(nodes, path, operator))["silent"] == [OTHER_NAME], path
    assert (await seen(nodes, "/channel?name=news:today", operator))["silent"] == [OTHER_NAME]
    a, b = (await seen(nodes, "/nodes", operator))["nodes"]
    assert (a["is_silent"], b["is_silent"]) == (False, True)
    assert b["name"] == OTHER_NAME


async def test_who_has_looked_at_content_is_in_the_trail(nodes: TwoNodes, operator: Person) -> None:
    admin = await nodes.a.person(role=Role.ADMIN)
    await seen(nodes, "/channel/history?name=news:today", operator)
    await seen(nodes, "/channel?name=news:today", operator)
    entries = (await nodes.a.call("GET", "/v1/audit", by=admin)).json["entries"]
    [entry] = [entry for entry in entries if entry["action"].startswith("channel.")]
    assert (entry["action"], entry["actor"], entry["session"]) == ("channel.history_read", operator.id, operator.sid)
    assert entry["detail"] == {"channel": "news:today"}


async def test_connections_that_go_are_gone(nodes: TwoNodes, operator: Person) -> None:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(await nodes.b.connected("bob"))
        assert (await seen(nodes, "/connections", operator))["total"] == 1

    async def are_gone() -> bool:
        return bool((await seen(nodes, "/connections", operator))["total"] == 0)

    await eventually(are_gone)
