"""Tabs that refresh at once log nobody out; a refresh token that is used when it is long over ends its session."""

from __future__ import annotations

import asyncio
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.e2e.devices import PAGE, PASSWORD, Device, Devices, devices_on, operate, platform
from tests.support.patience import eventually
from tests.support.raw_client import Close
from tests.support.server import running_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.api_client import Answer
    from tests.support.server import NodeProcess

TABS = 20

COOKIE = "__Host-syncline-refresh"

BROWSER = "browser-0123456789abcdef"
"""The device that all tabs of a browser are."""

ADMINISTRATOR = "root@example.com"

NO_GRACE = platform(accounts={"refresh_grace": "0s"})


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node() -> AsyncIterator[NodeProcess]:
    async with running_server(platform()) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def devices(node: NodeProcess) -> AsyncIterator[Devices]:
    async with devices_on(node) as devices:
        yield devices


async def log_in_with_cookie(node: NodeProcess, email: str) -> str:
    """A browser's log-in: the refresh token is in the cookie and nowhere else."""
    body = {"email": email, "password": PASSWORD, "device": {"id": BROWSER}, "mode": "cookie"}
    answer = await node.api.request("POST", "/v1/login", body, browser())
    assert answer.status == 200, answer
    assert "refresh_token" not in answer.json
    return refresh_cookie(answer)


def browser(cookie: str = "") -> dict[str, str]:
    """What a page of ours sends."""
    headers = {"Content-Type": "application/json", "Origin": PAGE, "X-Syncline": "1"}
    return {**headers, "Cookie": f"{COOKIE}={cookie}"} if cookie else headers


def refresh_cookie(answer: Answer) -> str:
    return SimpleCookie(answer.headers["set-cookie"])[COOKIE].value


async def test_tabs_that_refresh_at_once_get_the_same_successor(devices: Devices) -> None:
    device = await devices.log_in(await devices.register())
    live = await devices.connect(device)
    answers = await asyncio.gather(*(devices.refresh(device) for _ in range(TABS)))
    assert {answer.status for answer in answers} == {200}
    successors = {answer.json["refresh_token"] for answer in answers}
    assert len(successors) == 1
    assert {answer.json["session"]["id"] for answer in answers} == {device.sid}
    await live.settled()
    for answer in answers:
        await is_accepted(device, answer.json["access_token"])
    again = await devices.refresh(device, successors.pop())
    assert again.status == 200


async def test_tabs_of_a_browser_get_the_same_cookie(devices: Devices) -> None:
    cookie = await log_in_with_cookie(devices.node, await devices.register())

    async def refresh(with_cookie: str) -> Answer:
        return await devices.node.api.request("POST", "/v1/token/refresh", {"device_id": BROWSER}, browser(with_cookie))

    answers = await asyncio.gather(*(refresh(cookie) for _ in range(TABS)))
    assert {answer.status for answer in answers} == {200}
    cookies = {refresh_cookie(answer) for answer in answers}
    assert len(cookies) == 1
    assert cookies != {cookie}
    assert (await refresh(cookies.pop())).status == 200


async def test_tabs_that_come_in_waves_end_up_together(devices: Devices) -> None:
    """The second wave still has the first token, the third has its successor: all within the grace."""
    device = await devices.log_in(await devices.register())
    [successor] = await wave(devices, device)
    assert await wave(devices, device) == {successor}
    [next_one] = await wave(devices, device, successor)
    assert next_one not in {device.refresh_token, successor}
    assert await wave(devices, device) == {next_one}


async def wave(devices: Devices, device: Device, refresh_token: str = "") -> set[str]:
    answers = await asyncio.gather(*(devices.refresh(device, refresh_token) for _ in range(TABS)))
    assert {answer.status for answer in answers} == {200}
    return {answer.json["refresh_token"] for answer in answers}


async def test_a_replay_after_the_grace_ends_the_session_everywhere(tmp_path: Path) -> None:
    """With no grace, every second use is a replay."""
    async with running_server(NO_GRACE, data_dir=tmp_path) as node, devices_on(node) as devices:
        email = await devices.register()
        robbed, other = await devices.log_in(email), await devices.log_in(email)
        connections = [await devices.connect(robbed) for _ in range(3)]
        witness = await devices.connect(other)
        successor = (await devices.refresh(robbed)).json

        await eventually(lambda: is_refused(devices, robbed))

        assert [await connection.closing() for connection in connections] == [Close(3590, "session revoked")] * 3
        events = await events_until(witness, f"sessions:#{robbed.user}", "security.refresh_reused")
        assert events[-1]["sid"] == robbed.sid
        refused = await devices.refresh(robbed, successor["refresh_token"])
        assert (refused.status, refused.json["code"]) == (401, "refresh_token_invalid")
        await is_rejected(robbed, successor["access_token"])

        await witness.settled()
        assert (await other.call("GET", "/v1/me")).status == 200
        entries = await audit_trail(devices, tmp_path, robbed.user)
        [ending] = [entry for entry in entries if entry["action"] == "session.revoked"]
        assert (ending["session"], ending["detail"]) == (robbed.sid, {"reason": "refresh_reused"})


async def is_accepted(device: Device, access_token: str) -> None:
    answer = await device.call("GET", "/v1/me", headers={"Authorization": f"Bearer {access_token}"})
    assert answer.status == 200, answer


async def is_rejected(device: Device, access_token: str) -> None:
    answer = await device.call("GET", "/v1/me", headers={"Authorization": f"Bearer {access_token}"})
    assert (answer.status, answer.json["code"]) == (401, "session_revoked")


async def is_refused(devices: Devices, device: Device) -> bool:
    """Within the same millisecond it is no replay yet."""
    answer = await devices.refresh(device)
    assert answer.status in {200, 401}, answer
    return answer.status == 401


async def events_until(connection: Any, channel: str, kind: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    while not events or events[-1]["type"] != kind:
        events += await connection.data(channel, 1)
    return events


async def audit_trail(devices: Devices, directory: Path, user: str) -> list[dict[str, Any]]:
    """As an administrator reads it."""
    create = ("accounts", "create-admin", "--email", ADMINISTRATOR)
    await operate(NO_GRACE, directory, *create, lines=f"{PASSWORD}\n")
    administrator = await devices.log_in(ADMINISTRATOR)
    answer = await administrator.call("GET", f"/v1/audit?subject={user}")
    assert answer.status == 200, answer
    entries: list[dict[str, Any]] = answer.json["entries"]
    return entries
