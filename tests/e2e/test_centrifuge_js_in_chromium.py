"""npm `centrifuge` 5.8 in Chromium, unchanged: the same scenarios, in a page of the application's backend.

The page comes from an origin that the server allows, and once more from one that it does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
import pytest_asyncio

from tests.e2e.backend import backend, origin
from tests.e2e.configuration import configuration
from tests.e2e.javascript import ScenarioRunner, bundle_page, names_of, scenario_runner
from tests.support.ports import free_port
from tests.support.proxy import proxy_to
from tests.support.server import running_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.browser, pytest.mark.node, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


class Browser(NamedTuple):
    scenarios: ScenarioRunner
    allowed_origin: str
    foreign_origin: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    script = tmp_path_factory.mktemp("page") / "scenarios.js"
    bundle_page(script)
    ports = free_port(), free_port()
    allowed, foreign = map(origin, ports)
    async with (
        running_server(configuration(allowed)) as node,
        proxy_to(node.port) as wire,
        backend(node.api, wire, *ports, script=script),
        scenario_runner("chromium.mjs", wire.ws_url) as scenarios,
    ):
        yield Browser(scenarios, allowed, foreign)


@pytest.mark.parametrize("scenario", names_of("channels", "connections", "recovery"))
async def test_in_chromium(browser: Browser, scenario: str) -> None:
    await browser.scenarios.run(scenario, browser.allowed_origin)


@pytest.mark.parametrize("scenario", names_of("foreign_origin"))
async def test_in_chromium_from_a_foreign_origin(browser: Browser, scenario: str) -> None:
    await browser.scenarios.run(scenario, browser.foreign_origin)
