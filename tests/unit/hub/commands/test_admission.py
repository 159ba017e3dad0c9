"""Which command may come when, whatever else is written beside it."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from msgspec import Raw

from hub.commands import HANDLERS
from hub.commands.rpc import RPCCall
from hub.protocol import codes
from tests.unit.hub.client import Client
from tests.unit.hub.node import Node, hub_config

REQUESTS: dict[str, Any] = {
    "publish": {"channel": "news", "data": 1},
    "rpc": {"method": "count"},
    "subscribe": {"channel": "news"},
    "connect": {},
    "unsubscribe": {"channel": "news"},
    "presence": {"channel": "news"},
    "presence_stats": {"channel": "news"},
    "history": {"channel": "news"},
    "refresh": {"token": "x"},
    "sub_refresh": {"channel": "news", "token": "x"},
    "send": {},
    "ping": {},
}
METHODS = [method for method, _ in HANDLERS]
BEHIND_CONNECT = METHODS[METHODS.index("connect") + 1 :]


class Site:
    """A node that notices everything that is done to it."""

    def __init__(self, **client: Any) -> None:
        self.node = Node(hub_config(**client))
        self.calls: list[RPCCall] = []
        self.node.hub.rpc.register("count", self.count)

    async def count(self, call: RPCCall) -> Raw:
        self.calls.append(call)
        return Raw(b"{}")

    def assert_untouched(self) -> None:
        hub = self.node.hub
        assert self.calls == []
        assert hub.index.channels == {}
        assert (hub.counters.publications, hub.counters.connections_opened, hub.registry.num_clients) == (0, 0, 0)


def test_each_method_has_an_example() -> None:
    assert list(REQUESTS) == METHODS


@pytest.mark.parametrize(("first", "second"), list(combinations(METHODS, 2)))
async def test_no_two_methods_in_one_command_get_anything_done_without_a_successful_connect(
    first: str, second: str
) -> None:
    site = Site(allow_anonymous_connect_without_token=False)
    client = site.node.client()
    assert await client.send({"id": 1, first: REQUESTS[first], second: REQUESTS[second]}) == []
    assert client.goodbye == codes.BAD_REQUEST_DISCONNECT
    site.assert_untouched()


@pytest.mark.parametrize("method", METHODS[: METHODS.index("connect")])
async def test_a_command_in_front_of_connect_does_not_borrow_its_turn(method: str) -> None:
    site = Site()
    client = site.node.client()
    assert await client.send({"id": 1, "connect": {}, method: REQUESTS[method]}) == []
    assert client.goodbye == codes.BAD_REQUEST_DISCONNECT
    site.assert_untouched()


@pytest.mark.parametrize("method", BEHIND_CONNECT)
async def test_of_a_connect_and_a_method_behind_it_only_the_connect_is_run(method: str) -> None:
    site = Site()
    client = site.node.client()
    (reply,) = await client.send({"id": 1, "connect": {}, method: REQUESTS[method]})
    assert reply.keys() == {"id", "connect"}
    assert (client.goodbye, site.calls, site.node.hub.index.channels) == (None, [], {})


@pytest.mark.parametrize("method", [method for method in METHODS if method not in {"connect", "send", "ping"}])
async def test_a_send_lends_its_right_to_have_no_id_to_nobody(method: str) -> None:
    site = Site()
    client: Client = await site.node.connected()
    assert await client.send({"send": {}, method: REQUESTS[method]}) == []
    assert client.goodbye == codes.BAD_REQUEST_DISCONNECT
    assert (site.calls, site.node.hub.counters.publications, site.node.hub.index.channels) == ([], 0, {})


async def test_a_second_connect_beside_a_harmless_method_is_still_a_second_connect() -> None:
    site = Site()
    client = await site.node.connected()
    assert await client.send({"id": 9, "connect": {}, "ping": {}}) == []
    assert client.goodbye == codes.BAD_REQUEST_DISCONNECT
