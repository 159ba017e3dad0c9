"""Where the console answers: on the internal port alone, where there is one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from websockets.exceptions import InvalidStatus

from services.accounts.user import Role
from storage.config import StorageConfig
from tests.support.api_client import APIClient
from tests.support.ports import free_port
from tests.support.raw_client import raw_client
from tests.support.rest_node import HOST, Person, RestNode, limited, rest_node


@dataclass(frozen=True, slots=True)
class TwoPorts:
    node: RestNode
    internal_port: int
    operator: Person

    async def status(self, port: int, path: str) -> int:
        return (await APIClient(f"http://{HOST}:{port}", "").request("GET", path, None, self.operator.bearer)).status


@pytest.fixture
async def ports(embedded: StorageConfig) -> AsyncIterator[TwoPorts]:
    internal_port = free_port()
    async with rest_node(embedded, rest=limited(allowed_origins=()), internal_port=internal_port) as node:
        yield TwoPorts(node, internal_port, await node.person(role=Role.OPS))


@pytest.mark.parametrize(
    ("path", "public", "internal"),
    [
        ("/v1/me", 200, 200),
        ("/v1/ops/settings", 404, 200),
        ("/v1/ops/nodes", 404, 200),
        ("/console/config.json", 404, 200),
        ("/console/assets/x.js", 404, 404),
        ("/readyz", 200, 200),
    ],
)
async def test_what_answers_where(ports: TwoPorts, path: str, public: int, internal: int) -> None:
    assert await ports.status(ports.node.port, path) == public
    assert await ports.status(ports.internal_port, path) == internal


async def test_the_page_may_connect_from_its_own_host(ports: TwoPorts) -> None:
    """No origin is allowed here by configuration: the console's own is, and on its port alone."""
    for host, port, is_allowed in (
        (f"{HOST}:{ports.internal_port}", ports.internal_port, True),
        (f"{HOST}:{ports.internal_port + 1}", ports.internal_port, False),
        ("evil.example.com", ports.internal_port, False),
        (f"{HOST}:{ports.node.port}", ports.node.port, False),
    ):
        url = f"ws://{HOST}:{port}/connection/websocket"
        if not is_allowed:
            with pytest.raises(InvalidStatus) as refused:
                await raw_client(url, origin=f"http://{host}")
            assert refused.value.response.status_code == 403
            continue
        async with await raw_client(url, origin=f"http://{host}") as client:
            await client.call("connect", token=ports.operator.access_token)
            assert await client.call("rpc", method="ops.watch", data={"topics": ["overview"]}) == {"data": {}}


async def test_nobody_watches_over_the_public_port(ports: TwoPorts) -> None:
    async with await ports.node.connected(ports.operator) as client:
        refused = await client.refusal("rpc", method="ops.watch", data={"topics": ["logs"]})
        assert refused["code"] == 403


async def test_without_an_internal_port_it_is_on_the_only_one(node: RestNode) -> None:
    operator = await node.person(role=Role.OPS)
    assert (await node.call("GET", "/console/config.json")).status == 200
    assert (await node.call("GET", "/v1/ops/settings", by=operator)).status == 200
