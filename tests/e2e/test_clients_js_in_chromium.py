"""The package `syncline` in the tabs of Chromium, on a running server.

Each of the scenarios in tests/js/scenarios runs in each way in which its tabs can share a connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.e2e.clients_js import accounts_configuration, build_package, bundle_pages, pages
from tests.e2e.javascript import ScenarioRunner, names_of, scenario_runner
from tests.support.ports import free_port
from tests.support.proxy import proxy_to
from tests.support.server import running_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.browser, pytest.mark.node, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

WAYS = {
    "tabs": ("worker", "election", "nothing"),
    "tabs_that_talk": ("worker", "election"),
    "shared_worker": ("worker",),
}
"""By module of scenarios: how the tabs share a connection. "nothing" is a browser without Web Locks."""

SCENARIOS = [
    (name, way) for module, ways in WAYS.items() for name in names_of(module, given="world, way") for way in ways
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def runner(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ScenarioRunner]:
    build_package()
    directory = tmp_path_factory.mktemp("pages")
    bundle_pages(directory)
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    async with (
        running_server(accounts_configuration(origin)) as node,
        proxy_to(node.port) as wire,
        pages(wire, port, directory) as page_url,
        scenario_runner("syncline/chromium.mjs", f"http://127.0.0.1:{wire.port}", page_url) as scenarios,
    ):
        yield scenarios


@pytest.mark.parametrize(("scenario", "way"), SCENARIOS)
async def test_tabs(runner: ScenarioRunner, scenario: str, way: str) -> None:
    await runner.run(scenario, way)
