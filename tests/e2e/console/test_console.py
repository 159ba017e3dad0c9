"""The console in Chromium: who gets in, the overview, nodes, settings and logs of a hub of two nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.e2e.console.hub import ConsoleHub, running_console
from tests.support.patience import TIME_SCALE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.postgres import PostgresServer
    from tests.support.redis import RedisServer

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.browser,
    pytest.mark.node,
    pytest.mark.slow,
    pytest.mark.timeout(120 * TIME_SCALE),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(
    shared_redis: RedisServer, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ConsoleHub]:
    directory = tmp_path_factory.mktemp("console")
    async with running_console(shared_redis, postgres, directory, "console") as running:
        yield running


@pytest.mark.parametrize(
    "scenario",
    [
        "entering.log_in",
        "entering.customer_is_refused",
        "entering.a_role_taken_away_ends_it",
        "entering.a_revoked_session_leads_to_the_log_in",
        "watching.overview",
        "watching.nodes",
        "watching.settings",
        "watching.logs",
        "watching.reconnecting",
        "watching.keyboard",
        "watching.looks_light",
        "watching.looks_dark",
    ],
)
async def test_console(hub: ConsoleHub, scenario: str) -> None:
    await hub.drive(scenario)
