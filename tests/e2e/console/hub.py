"""A hub of two nodes with the console, people of every role on it, and Chromium driven by Node.js.

What a scenario does is in scenarios/*.mjs: a function of that name, which waits on what the page shows and fails on
anything that the browser itself complains of, such as a violation of the content security policy.
"""

from __future__ import annotations

import json
import os
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.e2e.devices import PASSWORD, Device, Devices, devices_on, operate, platform
from tests.e2e.javascript import run_script
from tests.support.api_client import API_KEY
from tests.support.cluster import know_each_other, new_prefix, redis_section
from tests.support.ports import free_port
from tests.support.server import HOST, running_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.postgres import PostgresServer
    from tests.support.redis import RedisServer
    from tests.support.server import NodeProcess

DRIVER = Path(__file__).with_name("drive.mjs")

ADMIN = "admin@example.com"
OPERATOR = "operator@example.com"
CUSTOMER = "customer@example.com"


@dataclass(frozen=True, slots=True)
class ConsoleHub:
    """Two nodes that know each other. The page is that of the first one.

    Attributes:
        people: on the first node; `admin` is logged in there.
        pictures: where screenshots go; CONSOLE_SCREENSHOTS names another directory.
    """

    nodes: list[NodeProcess]
    people: Devices
    admin: Device
    pictures: Path

    async def drive(self, scenario: str, **more: Any) -> None:
        """Run `scenarios/<module>.mjs`, function <name>, of a scenario "<module>.<name>".

        Raises:
            AssertionError: with all that it wrote, when it fails.
        """
        told = {
            "url": self.nodes[0].http_url,
            "nodes": [node.http_url for node in self.nodes],
            "operator": {"email": OPERATOR, "password": PASSWORD},
            "customer": {"email": CUSTOMER, "password": PASSWORD},
            "apiKey": API_KEY,
            "adminToken": self.admin.access_token,
            "pictures": os.fspath(self.pictures),
            **more,
        }
        await run_script(DRIVER, scenario, json.dumps(told))


@asynccontextmanager
async def running_console(
    redis: RedisServer, postgres: PostgresServer, directory: Path, database: str, **sections: Any
) -> AsyncIterator[ConsoleHub]:
    """The hub, gone afterwards.

    Args:
        database: its name; made for it.
        sections: more of the configuration of both nodes.
    """
    url, prefix = postgres.create_database(database), new_prefix()
    ports = [free_port(), free_port()]
    origins = [f"http://{HOST}:{port}" for port in ports]
    config = platform(
        **{
            "client": {"allowed_origins": origins},
            "console": {"enabled": True},
            "database": {"url": url},
            "engine": redis_section(redis.port, prefix),
            "opentelemetry": {"enabled": True, "sample_ratio": 1},
            **sections,
        }
    )
    await operate(config, directory, "migrate", "up")
    await operate(config, directory, "accounts", "create-admin", "--email", ADMIN, lines=f"{PASSWORD}\n")
    async with AsyncExitStack() as stack:
        opening = [running_server(config, port=port, env={"OTEL_TRACES_EXPORTER": "none"}) for port in ports]
        nodes = [await stack.enter_async_context(node) for node in opening]
        await know_each_other(nodes)
        people = await stack.enter_async_context(devices_on(nodes[0]))
        admin = await people.log_in(ADMIN)
        await _make_people(people, admin)
        yield ConsoleHub(nodes, people, admin, Path(os.environ.get("CONSOLE_SCREENSHOTS", directory)))


async def _make_people(people: Devices, admin: Device) -> None:
    await people.register(CUSTOMER)
    await people.register(OPERATOR)
    operator = await people.log_in(OPERATOR)
    answer = await admin.call("PATCH", f"/v1/users/{operator.user}", {"role": "OPS"})
    assert answer.status == 200, answer
