"""Dead letters of a consumer, through REST."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hub.relay.consumer_config import ConsumerConfig, RelayConfig
from services.accounts.user import Role
from storage.config import StorageConfig
from tests.support.patience import eventually
from tests.support.redis import RedisServer
from tests.support.redis_streams import STREAM, add, stream_config, stream_source
from tests.support.relay_world import ROUTING, RelayWorld
from tests.support.rest_node import Person, RestNode, rest_node

PATH = "/v1/ops/relays/orders/dead-letters"


@pytest.fixture
async def consuming(embedded: StorageConfig, redis_server: RedisServer) -> AsyncIterator[RestNode]:
    """A node that knows a consumer of a stream, which has three dead letters; nothing consumes any more."""
    config = stream_config(redis_server)
    world = RelayWorld()
    source = stream_source(world, config)
    async with world.running(source):
        for number in range(3):
            await add(redis_server, b"\xffno JSON %d" % number, x_number=str(number))
        await eventually(lambda: source.measures()["redis_rejected.orders"] == 3)
    relay = RelayConfig(consumers=(ConsumerConfig(source=config, routing=ROUTING),))
    async with rest_node(embedded, relay=relay) as node:
        yield node


async def call(node: RestNode, method: str, path: str, by: Person, body: object = None) -> Any:
    answer = await node.call(method, path, body, by=by)
    assert answer.status == 200, answer
    return answer.json


async def test_list_replay_and_remove(consuming: RestNode, redis_server: RedisServer) -> None:
    operator = await consuming.person(role=Role.OPS)
    letters = (await call(consuming, "GET", PATH, operator))["letters"]
    assert [letter["body"] for letter in letters] == [f"\ufffdno JSON {number}" for number in range(3)]
    first = letters[0]
    assert (first["reason"], first["is_cut"]) == ("malformed", False)
    assert first["headers"]["x-number"] == "0"
    assert first["dead_since_ms"] > 0
    assert len((await call(consuming, "GET", f"{PATH}?limit=2", operator))["letters"]) == 2

    before = await redis_server.execute("XLEN", STREAM)
    assert await call(consuming, "POST", f"{PATH}/replay", operator, {"ids": [first["id"]]}) == {"count": 1}
    assert await redis_server.execute("XLEN", STREAM) == before + 1
    assert await call(consuming, "POST", f"{PATH}/remove", operator, {"ids": ["no such id"]}) == {"count": 0}
    assert await call(consuming, "POST", f"{PATH}/remove", operator, {"everything": True}) == {"count": 2}
    assert (await call(consuming, "GET", PATH, operator))["letters"] == []

    page = await consuming.platform.audit.list("", "", 200)
    told = [(entry.action, entry.actor, dict(entry.detail)) for entry in page.entries if "dead_letters" in entry.action]
    assert told[::-1] == [
        ("dead_letters.read", operator.id, {"consumer": "orders"}),
        ("dead_letters.read", operator.id, {"consumer": "orders"}),
        ("dead_letters.replayed", operator.id, {"consumer": "orders", "letters": [first["id"]], "asked": 1}),
        ("dead_letters.removed", operator.id, {"consumer": "orders", "letters": ["no such id"], "asked": 1}),
        ("dead_letters.removed", operator.id, {"consumer": "orders", "letters": "all"}),
        ("dead_letters.read", operator.id, {"consumer": "orders"}),
    ]


async def test_the_consumer_is_among_the_relays(consuming: RestNode) -> None:
    operator = await consuming.person(role=Role.OPS)
    relays = {relay["name"]: relay for relay in (await call(consuming, "GET", "/v1/ops/relays", operator))["relays"]}
    assert relays.keys() == {"orders", "outbox"}
    orders = relays["orders"]
    assert (orders["kind"], orders["has_dead_letters"]) == ("redis_stream", True)
    assert "redis_received" in orders["measures"]
    json.dumps(relays, allow_nan=False)


async def test_a_redis_that_is_away_is_worth_repeating(embedded: StorageConfig, own_redis: RedisServer) -> None:
    config = stream_config(own_redis)
    own_redis.kill()
    relay = RelayConfig(consumers=(ConsumerConfig(source=config, routing=ROUTING),))
    async with rest_node(embedded, relay=relay) as node:
        operator = await node.person(role=Role.OPS)
        answer = await node.call("GET", PATH, by=operator)
        assert (answer.status, answer.json["code"]) == (503, "unavailable")
        assert answer.headers["retry-after"] == "1"
