"""People with accounts on a node and the devices they are logged in on: nothing but its REST API and its WebSocket."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from tests.support.raw_client import RawClient, raw_client
from tests.support.server import ROOT, with_secrets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.api_client import Answer
    from tests.support.server import Config, NodeProcess

PASSWORD = "correct horse battery staple"

PAGE = "https://app.example.com"
"""The origin of a page that is allowed."""

_numbers = count(1)


def platform(*, accounts: dict[str, Any] | None = None, **sections: Any) -> Config:
    """A configuration with accounts. Hashes are cheap and nothing is limited, which other tests are about."""
    return {
        "accounts": {
            "enabled": True,
            "secret_key": "a-secret-that-only-tests-ever-use-0123456789",
            "password": {"memory_kib": 64, "iterations": 1},
            "throttle": {"register_address": {"burst": 100_000}},
            **(accounts or {}),
        },
        "client": {"allowed_origins": [PAGE]},
        "rest": {"address_rate_limit": 0, "user_rate_limit": 0},
        "state": {"mutation_rate_limit": 0},
        "shutdown": {"drain_window": "0s"},
        **sections,
    }


@dataclass(frozen=True, slots=True)
class Device:
    """One log-in in token mode. Tokens are those of the log-in: a test that refreshes keeps what it gets."""

    node: NodeProcess
    user: str
    sid: str
    did: str
    access_token: str
    refresh_token: str

    async def call(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> Answer:
        """A request with this device's access token."""
        bearer = {"Authorization": f"Bearer {self.access_token}", "Content-Type": "application/json"}
        return await self.node.api.request(method, path, body, bearer | (headers or {}))


@dataclass(slots=True)
class Devices:
    """Whoever is logged in on one node; their connections are closed with it."""

    node: NodeProcess
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def register(self, email: str = "") -> str:
        """A new account; its address."""
        email = email or f"somebody-{next(_numbers)}@example.com"
        body = {"email": email, "password": PASSWORD}
        answer = await self._post("/v1/accounts", body)
        assert answer.status == 202, answer
        return email

    async def log_in(self, email: str) -> Device:
        """From a device that was never seen before."""
        did = f"device-{next(_numbers):04}-0123456789abcdef"
        answer = await self._post(
            "/v1/login", {"email": email, "password": PASSWORD, "device": {"id": did}, "mode": "token"}
        )
        assert answer.status == 200, answer
        tokens = answer.json
        return Device(
            self.node,
            tokens["user"]["id"],
            tokens["session"]["id"],
            did,
            tokens["access_token"],
            tokens["refresh_token"],
        )

    async def connect(self, device: Device) -> RawClient:
        client = await self.stack.enter_async_context(await raw_client(self.node.ws_url))
        await client.call("connect", token=device.access_token)
        return client

    async def refresh(self, device: Device, refresh_token: str = "") -> Answer:
        """By a device that says who it is, with the token of its log-in or with a later one."""
        body = {"refresh_token": refresh_token or device.refresh_token, "device_id": device.did}
        return await self._post("/v1/token/refresh", body)

    async def _post(self, path: str, body: object) -> Answer:
        return await self.node.api.request("POST", path, body, {"Content-Type": "application/json"})


@asynccontextmanager
async def devices_on(node: NodeProcess) -> AsyncIterator[Devices]:
    devices = Devices(node)
    async with devices.stack:
        yield devices


async def operate(config: Config, directory: Path, *command: str, lines: str = "") -> str:
    """Run `syncline <command>` as the operator of the node that has this directory; what it prints."""
    file = directory / "operator.json"
    file.write_text(json.dumps(with_secrets(config)))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "main.py"),
        *command,
        *("--config", str(file), "--data-dir", str(directory / "data")),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate(lines.encode())
    assert process.returncode == 0, output.decode()
    return output.decode()
