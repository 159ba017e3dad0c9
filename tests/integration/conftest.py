"""What the tests over real sockets share: servers in the test's own loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
import uvloop

from tests.support.local_server import LocalServer, local_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

Serve = Callable[..., Awaitable[LocalServer]]
"""`await serve(hub_config, edge_config)`: a server that ends with the test."""


@pytest.hookimpl
def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """asyncio's own loop, and for tests that name several in their `asyncio` mark, uvloop too."""
    marker = item.get_closest_marker("asyncio")
    if marker is None or "loop_factories" not in marker.kwargs:
        return {"asyncio": asyncio.new_event_loop}
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    async with AsyncExitStack() as stack:

        async def start(*configuration: object) -> LocalServer:
            return await stack.enter_async_context(local_server(*configuration))  # type: ignore[arg-type]  # Serve

        yield start


@pytest.fixture
async def server(serve: Serve) -> LocalServer:
    """A server where anybody may subscribe and publish."""
    return await serve()
