"""npm `centrifuge` 5.8 in Node.js, unchanged, on a running server. The scenarios are in tests/js/scenarios."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.e2e.backend import backend, origin
from tests.e2e.configuration import configuration
from tests.e2e.javascript import ScenarioRunner, names_of, scenario_runner
from tests.support.ports import free_port
from tests.support.proxy import proxy_to
from tests.support.server import running_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.node, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runner() -> AsyncIterator[ScenarioRunner]:
    port = free_port()
    async with (
        running_server(configuration()) as node,
        proxy_to(node.port) as wire,
        backend(node.api, wire, port),
        scenario_runner("node.mjs", wire.ws_url, origin(port)) as scenarios,
    ):
        yield scenarios


@pytest.mark.parametrize("scenario", names_of("channels", "connections", "recovery"))
async def test_in_node(runner: ScenarioRunner, scenario: str) -> None:
    await runner.run(scenario)
