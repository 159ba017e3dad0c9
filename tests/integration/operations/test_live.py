"""What watchers are told over the hub, and who may watch."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from hub.control_operations import SubscribeUser
from hub.errors import ReplyError
from services.accounts.user import Role
from services.operations.channels import LOGS, OVERVIEW, TRACES
from services.operations.views import LogBatch, Overview, TraceBatch
from tests.support.operations_world import OTHER_NAME, TwoNodes
from tests.support.patience import eventually
from tests.support.raw_client import RawClient
from tests.support.rest_node import NODE_NAME, Person, RestNode
from tests.support.tracer import RecordingTracer

ALL = ["overview", "logs", "traces"]


async def watch(client: RawClient, *topics: str) -> Any:
    return await client.call("rpc", method="ops.watch", data={"topics": list(topics)})


async def test_overviews_of_both_nodes_come(nodes: TwoNodes, operator: Person) -> None:
    async with await nodes.a.connected(operator) as client:
        await watch(client, "overview")
        names: set[str] = set()
        while names != {NODE_NAME, OTHER_NAME}:
            [data] = await client.data(OVERVIEW, 1)
            overview = msgspec.convert(data, Overview)
            names.add(overview.node_name)
            assert overview.num_clients == (1 if overview.node_name == NODE_NAME else 0)


async def test_rates_are_per_second(nodes: TwoNodes, operator: Person) -> None:
    async with await nodes.a.connected(operator) as client:
        await watch(client, "overview")
        await nodes.b.subscribed("bob", "news:today")
        for _ in range(50):
            await nodes.b.hub.publish("news:today", b"1")
        rates: list[float] = []
        while not any(rate > 10 for rate in rates):
            [data] = await client.data(OVERVIEW, 1)
            rates += [data["publications_per_s"]] if data["node_name"] == OTHER_NAME else []


async def test_lines_and_traces_of_both_nodes_come(nodes: TwoNodes, operator: Person) -> None:
    nodes.lines_of_a.write("before anybody watched")
    nodes.traces_of_a.follow("9" * 32)
    async with await nodes.a.connected(operator) as client:
        await watch(client, "logs", "traces")
        await eventually(lambda: not nodes.lines_of_a.new and not nodes.traces_of_a.changed)
        nodes.lines_of_a.write("of a")
        nodes.traces_of_a.follow("1" * 32)
        [lines] = await client.data(LOGS, 1)
        [told] = msgspec.convert(lines, LogBatch).lines
        assert (told.event, told.node, told.node_name) == ("of a", nodes.a.hub.uid, NODE_NAME)
        [traces] = await client.data(TRACES, 1)
        assert [each.trace_id for each in msgspec.convert(traces, TraceBatch).traces] == ["1" * 32]
        await eventually(lambda: "logs" in nodes.operations_of_b._watching.topics())
        nodes.lines_of_b.write("of b")
        nodes.lines_of_b.num_dropped = 7
        nodes.traces_of_b.follow("2" * 32)
        [lines] = await client.data(LOGS, 1)
        assert (lines["lines"][0]["node_name"], lines["dropped"]) == (OTHER_NAME, 7)
        [traces] = await client.data(TRACES, 1)
        assert traces["traces"][0]["nodes"] == [OTHER_NAME]


async def test_nobody_watches_and_nothing_is_published(nodes: TwoNodes, operator: Person) -> None:
    nodes.lines_of_a.write("a line")
    async with await nodes.a.connected(operator) as client:
        await client.settled()
        assert nodes.a.operations.measures()["ops_batches_published"] == 0
        assert nodes.lines_of_a.new, "taken although nobody watches"
        await watch(client, *ALL)
        await client.data(OVERVIEW, 1)
        assert nodes.a.operations.measures()["ops_watchers"] == 1
        await watch(client)
        await client.push("unsubscribe", OVERVIEW)
        await eventually(lambda: nodes.a.operations.measures()["ops_watchers"] == 0)


async def test_topics_replace_those_before(node: RestNode) -> None:
    operator = await node.person(role=Role.OPS)
    async with await node.connected(operator) as client:
        [connection] = node.hub.registry.of_user(operator.id)

        def watched() -> set[str]:
            return {name for name in connection.subscriptions if name.startswith("ops:")}

        await watch(client, "overview", "logs")
        assert watched() == {OVERVIEW, LOGS}
        await watch(client, "logs", "logs", "traces")
        assert watched() == {LOGS, TRACES}
        await watch(client)
        assert watched() == set()


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.VENDOR])
async def test_others_may_not_watch(node: RestNode, role: Role) -> None:
    somebody = await node.person(role=role)
    async with await node.connected(somebody) as client:
        error = await client.refusal("rpc", method="ops.watch", data={"topics": ["overview"]})
        assert (error["code"], error["message"]) == (403, "forbidden")
        error = await client.refusal("rpc", method="ops.watch", data={"topics": "nonsense"})
        assert error["code"] == 403  # nobody learns what would be right


async def test_a_backend_may_not_watch(node: RestNode) -> None:
    """There is no connection to tell anything to."""
    from hub.commands.rpc import RPCCall  # noqa: PLC0415  # for this test alone
    from hub.errors import ReplyError  # noqa: PLC0415  # same

    with pytest.raises(ReplyError) as refused:
        await node.hub.rpc.call(RPCCall("ops.watch", msgspec.Raw(b'{"topics":["logs"]}'), None))
    assert refused.value.error.code == 401


@pytest.mark.parametrize("data", [{"topics": ["everything"]}, {"topics": "logs"}, {}, {"topics": [], "more": 1}, 1])
async def test_what_is_no_topic(node: RestNode, data: object) -> None:
    operator = await node.person(role=Role.OPS)
    async with await node.connected(operator) as client:
        error = await client.refusal("rpc", method="ops.watch", data=data)
        assert (error["code"], error["message"]) == (400, "invalid_field")


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.OPS, Role.ADMIN])
async def test_no_command_of_a_client_reaches_these_channels(node: RestNode, role: Role) -> None:
    async with await node.connected(await node.person(role=role)) as client:
        for channel in (OVERVIEW, LOGS, TRACES, "ops:", "ops:anything", "$ops:logs"):
            for method in ("subscribe", "publish", "presence", "presence_stats", "history"):
                more: dict[str, object] = {"data": {}} if method == "publish" else {}
                assert (await client.refusal(method, channel=channel, **more))["code"] == 107, (method, channel)


async def test_nobody_is_subscribed_by_others(node: RestNode) -> None:
    """A backend's key, or a token that it has signed, can name any channel; operators included, who have not asked."""
    ann, operator = await node.person(), await node.person(role=Role.OPS)
    for person in (ann, operator):
        async with await node.connected(person):
            with pytest.raises(ReplyError) as refused:
                await node.hub.control.perform(SubscribeUser(user=person.id, channel=LOGS))
            assert refused.value.error.code == 103
            [connection] = node.hub.registry.of_user(person.id)
            assert LOGS not in connection.subscriptions


async def test_who_is_only_being_subscribed_is_no_stranger(node: RestNode, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine takes its time, and a round of the feed comes in between."""
    operator = await node.person(role=Role.OPS)
    engine, has_begun, may_go_on = node.hub.engine, asyncio.Event(), asyncio.Event()
    subscribe = engine.subscribe

    async def slowly(channel: str) -> None:
        has_begun.set()
        await may_go_on.wait()
        await subscribe(channel)

    monkeypatch.setattr(engine, "subscribe", slowly)
    may_go_on.set()
    async with await node.connected(operator) as client:
        may_go_on.clear()
        has_begun.clear()
        await client.cast("rpc", method="ops.watch", data={"topics": ["overview"]})
        await has_begun.wait()
        await node.operations._watching.renew()
        may_go_on.set()
        await client.push("subscribe", OVERVIEW)
        await node.operations._watching.renew()
        await client.data(OVERVIEW, 1)
        assert not client.unread("unsubscribe", OVERVIEW)


async def test_watching_ends_with_the_role(node: RestNode) -> None:
    admin, operator = await node.person(role=Role.ADMIN), await node.person(role=Role.OPS)
    async with await node.connected(operator) as client:
        await watch(client, *ALL)
        answer = await node.call("PATCH", f"/v1/users/{operator.id}", {"role": "CUSTOMER"}, by=admin)
        assert answer.status == 200
        assert (await client.closing()).code == 3005  # it comes back with a new token, which may not watch
    again = await node.logged_in(operator.email)
    async with await node.connected(again) as client:
        assert (await client.refusal("rpc", method="ops.watch", data={"topics": ALL}))["code"] == 403


async def test_a_token_renewed_without_the_role_ends_it_too(node: RestNode) -> None:
    """Where the word of the new role was lost, the connection goes on with a token that says less."""
    operator = await node.person(role=Role.OPS)
    async with await node.connected(operator) as client:
        await watch(client, "overview")
        [connection] = node.hub.registry.of_user(operator.id)
        assert connection.session is not None
        connection.session = type(connection.session)(
            connection.session.sid, connection.session.did, frozenset({"CUSTOMER"})
        )
        assert (await client.push("unsubscribe", OVERVIEW))["code"] == 2000


async def test_what_it_publishes_is_not_followed(node: RestNode) -> None:
    tracer = RecordingTracer()
    node.hub.tracer = tracer
    operator = await node.person(role=Role.OPS)
    async with await node.connected(operator) as client:
        await watch(client, *ALL)
        tracer.spans.clear()
        await client.data(OVERVIEW, 3)
    assert not [span for span in tracer.spans if "ops" in span.name]


async def test_a_watcher_that_reconnects_asks_again(node: RestNode) -> None:
    operator = await node.person(role=Role.OPS)
    for _ in range(2):
        async with await node.connected(operator) as client:
            await watch(client, "overview")
            await client.data(OVERVIEW, 1)
        await eventually(lambda: node.operations.measures()["ops_watchers"] == 0)
