"""The package `syncline` in Node.js, on a running server. The scenarios are in tests/js/scenarios/devices.mjs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.e2e.clients_js import accounts_configuration, build_package, pages
from tests.e2e.javascript import ScenarioRunner, names_of, scenario_runner
from tests.support.proxy import proxy_to
from tests.support.server import running_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.node, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runner() -> AsyncIterator[ScenarioRunner]:
    build_package()
    async with (
        running_server(accounts_configuration(access_token_ttl="3s", refresh_grace="3s")) as node,
        proxy_to(node.port) as wire,
        pages(wire) as backend_url,
        scenario_runner("syncline/node.mjs", f"http://127.0.0.1:{wire.port}", backend_url) as scenarios,
    ):
        yield scenarios


@pytest.mark.parametrize("scenario", names_of("devices"))
async def test_in_node(runner: ScenarioRunner, scenario: str) -> None:
    await runner.run(scenario)
