"""The /demo page in Chromium, on a real server: two devices of one user, on the package `syncline`.

Each scenario is a function in drive.mjs, which waits on what the page shows and fails on anything the browser itself
complains of, such as a violation of the content security policy.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.javascript import run_script
from tests.support.server import running_server

pytestmark = [pytest.mark.browser, pytest.mark.node, pytest.mark.slow]

DRIVER = Path(__file__).with_name("drive.mjs")


@pytest.mark.parametrize(
    "scenario",
    [
        "both_devices",
        "cart",
        "cut",
        "cut_both",
        "draft",
        "sign_out",
        "sign_out_others",
        "sign_out_of_a_cut_device",
        "reload",
        "second_tab",
        "curl",
        "hostile_content",
        "keyboard",
        "wire_log",
        "story",
        "accessible_light",
        "accessible_dark",
        "phone_screen",
    ],
)
async def test_demo_page(scenario: str) -> None:
    async with running_server(dev=True) as server:
        await run_script(DRIVER, scenario, server.http_url)


async def test_demo_page_says_so_when_there_are_no_accounts() -> None:
    async with running_server({"accounts": {"enabled": False}}, dev=True) as server:
        await run_script(DRIVER, "no_accounts", server.http_url)


async def test_demo_page_makes_its_user_anew_when_the_server_does_not_know_it() -> None:
    async with running_server(dev=True) as server:
        await run_script(DRIVER, "unknown_user", server.http_url)
