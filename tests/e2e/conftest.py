"""What the tests with foreign clients share: a node for each module, and a world for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest_asyncio

from tests.e2e.configuration import configuration
from tests.e2e.python_sdk import World
from tests.support.proxy import Proxy, proxy_to
from tests.support.server import NodeProcess, running_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node() -> AsyncIterator[NodeProcess]:
    """For tests that say `pytest.mark.asyncio(loop_scope="module")`."""
    async with running_server(configuration()) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wire(node: NodeProcess) -> AsyncIterator[Proxy]:
    async with proxy_to(node.port) as proxy:
        yield proxy


@pytest_asyncio.fixture(loop_scope="module")
async def world(node: NodeProcess, wire: Proxy) -> AsyncIterator[World]:
    """A failed test shows what the node has logged meanwhile."""
    length_before = len(node.log)
    here = World(node, wire)
    yield here
    await here.end()
    print(node.log[length_before:])
