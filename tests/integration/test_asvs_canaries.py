"""What nobody may find in the logs, sent through every operation and every frame, well and badly (threats T2, T16).

ASVS 14.2.6, 16.2.5. The node logs at its most talkative, as JSON, in a process of its own.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.rest.samples import SAMPLES
from tests.support.raw_client import raw_client
from tests.support.server import NodeProcess, running_server, with_secrets

PASSWORD = "canary-password-4711"
EMAIL = "canary-address@example.com"
NAME = "canary-name"
VALUE = "canary-value"
DEVICE = {"id": "canary-device-0123456789abcdef", "name": "canary-label"}
GUARD = {"X-Syncline": "1", "Content-Type": "application/json"}
JSON = {"Content-Type": "application/json"}

CONFIG = with_secrets(
    {"accounts": {"enabled": True, "secret_key": "canary-secret-" + "s" * 32}, "log": {"level": "debug"}}
)

pytestmark = pytest.mark.slow


async def tokens_of(node: NodeProcess) -> dict[str, Any]:
    account = {"email": EMAIL, "password": PASSWORD, "name": NAME}
    await node.api.request("POST", "/v1/accounts", account, JSON)
    login = {"email": EMAIL, "password": PASSWORD, "device": DEVICE, "mode": "token"}
    answer = await node.api.request("POST", "/v1/login", login, JSON)
    assert answer.status == 200
    tokens: dict[str, Any] = answer.json
    return tokens


async def cookie_of(node: NodeProcess) -> str:
    login = {"email": EMAIL, "password": PASSWORD, "device": DEVICE, "mode": "cookie"}
    answer = await node.api.request("POST", "/v1/login", login, GUARD)
    return answer.headers["set-cookie"].partition("=")[2].partition(";")[0]


async def try_everything(node: NodeProcess, tokens: dict[str, Any], cookie: str) -> None:
    """Each sample as it is and broken, with the token where it belongs and where it does not, and the cookie."""
    token = tokens["access_token"]
    bodies = [None, {"email": EMAIL, "password": PASSWORD, "canary-member": VALUE}, b'{"' + VALUE.encode()]
    for sample in SAMPLES.values():
        path = sample.path.format(me="x", my_sid="x", other="x", other_sid="x")
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            for body in [sample.body, *bodies]:
                headers = {**JSON, **sample.headers, "Authorization": f"Bearer {token}"}
                if path.endswith(("logout", "revoke-all", "revoke-others")):
                    headers["Authorization"] = f"Bearer {token}x"  # the session is still needed
                await node.api.request(method, path, body, headers)
        await node.api.request("GET", f"{path.partition('?')[0]}?access_token={token}")
    for path in ("/v1/token/refresh", "/v1/logout"):
        await node.api.request("POST", path, None, {"Cookie": f"__Host-syncline-refresh={cookie}"})
        await node.api.request("POST", path, None, {"Cookie": f"__Host-syncline-refresh={cookie}x", **GUARD})
    await node.api.request("POST", "/v1/token/refresh", {"refresh_token": tokens["refresh_token"]}, JSON)
    await node.api.request("POST", "/v1/token/refresh", {"refresh_token": tokens["refresh_token"] + "x"}, JSON)


async def try_frames(node: NodeProcess, tokens: dict[str, Any]) -> None:
    async with await raw_client(node.ws_url) as client:
        await client.cast("connect", token=tokens["access_token"] + "x")
        await client.closing()
    async with await raw_client(node.ws_url) as client:
        await client.call("connect", token=tokens["access_token"], name="canary-client")
        for method in ("state.replace", "state.patch", "sessions.rename", "sessions.revoke", "canary.method"):
            data = {"key": "k", "value": VALUE, "mutation": "m", "name": NAME, "sid": "x", "patch": [VALUE]}
            await client.ask("rpc", method=method, data=data)
        await client.ask("publish", channel="state:k#x", data=VALUE)


async def test_no_secret_and_no_word_of_a_user_is_logged(tmp_path: Path) -> None:
    async with running_server(CONFIG, data_dir=tmp_path) as node:
        tokens, cookie = await tokens_of(node), await cookie_of(node)
        await try_everything(node, tokens, cookie)
        await try_frames(node, tokens)
        log = node.log
    assert log
    canaries = {
        "password": PASSWORD,
        "address": EMAIL,
        "name": NAME,
        "value": VALUE,
        "device": DEVICE["name"],
        "member": "canary-member",
        "access token": tokens["access_token"],
        "signature": tokens["access_token"].rpartition(".")[2],
        "refresh token": tokens["refresh_token"],
        "cookie": cookie,
        "secret": "canary-secret",
    }
    assert {what: text for what, text in canaries.items() if text in log} == {}
    assert "Traceback" not in log
    for line in log.splitlines():
        json.loads(line)
