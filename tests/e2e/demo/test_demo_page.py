"""The /demo page in Chromium, on a real server: npm `centrifuge` 5.8 in a browser, unchanged.

Each scenario is a function in drive.mjs, which waits on what the page shows and fails on anything the browser itself
complains of, such as a violation of the content security policy.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.server import running_server

pytestmark = [pytest.mark.browser, pytest.mark.node, pytest.mark.slow]

DRIVER = Path(__file__).with_name("drive.mjs")

SHORT_HISTORY: dict[str, Any] = {
    "channel": {
        "namespaces": [
            {
                "name": "demo",
                "presence": True,
                "join_leave": True,
                "force_recovery": True,
                "history_size": 2,
                "history_ttl": "300s",
                "allow_subscribe_for_client": True,
                "allow_publish_for_subscriber": True,
                "allow_presence_for_subscriber": True,
                "allow_history_for_subscriber": True,
            }
        ]
    }
}


async def _drive(scenario: str, url: str) -> None:
    node = shutil.which("node")
    assert node, "these tests need Node.js: scripts/setup-node"
    process = await asyncio.create_subprocess_exec(
        node,
        os.fspath(DRIVER),
        scenario,
        url,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, output.decode(errors="replace")


@pytest.mark.parametrize(
    "scenario",
    [
        "conversation",
        "second_tab",
        "curl",
        "cut",
        "cut_repeatedly",
        "history",
        "story",
        "hostile_messages",
        "keyboard",
        "wire_log",
        "accessible_light",
        "accessible_dark",
        "phone",
    ],
)
async def test_demo_page(scenario: str) -> None:
    async with running_server(dev=True) as server:
        await _drive(scenario, server.http_url)


async def test_demo_page_says_so_when_the_hub_cannot_recover() -> None:
    async with running_server(SHORT_HISTORY, dev=True) as server:
        await _drive("unrecovered", server.http_url)
