"""What somebody finds who has just typed `make run`."""

from __future__ import annotations

import json
from pathlib import Path

from settings.dev_secrets import FILE_NAME
from tests.support.api_client import APIClient
from tests.support.server import running_server

DEVICE = {"id": "device-development-0123456789"}


def secrets_in(directory: Path) -> dict[str, str]:
    [path] = directory.rglob(FILE_NAME)
    found: dict[str, str] = json.loads(path.read_text())
    return found


async def test_an_operator_can_log_in_and_the_greeting_says_where(tmp_path: Path) -> None:
    async with running_server({}, dev=True, data_dir=tmp_path) as node:
        secrets = secrets_in(tmp_path)
        client = APIClient(node.http_url, "")
        credentials = {"email": secrets["operator_email"], "password": secrets["operator_password"]}
        json_type = {"Content-Type": "application/json"}
        body = {**credentials, "device": DEVICE, "mode": "token"}
        answer = await client.request("POST", "/v1/login", body, json_type)
        assert (answer.status, answer.json["user"]["role"]) == (200, "OPS")
        bearer = {"Authorization": f"Bearer {answer.json['access_token']}"}
        nodes = await client.request("GET", "/v1/ops/nodes", None, bearer)
        assert [each["is_silent"] for each in nodes.json["nodes"]] == [False]
        told = await client.request("GET", "/v1/ops/settings", None, bearer)
        assert not [secret for name, secret in secrets.items() if "email" not in name and secret in told.body.decode()]
        lines = await client.request("GET", "/v1/ops/logs", None, bearer)
        assert lines.json["lines"]
        traces = await client.request("GET", "/v1/ops/traces", None, bearer)
        assert traces.json["is_enabled"]
        published = {"channel": "demo:notices", "data": {"text": "hello"}}
        answer = await client.request("POST", "/v1/ops/channel/publish", published, bearer | json_type)
        trace = await client.request("GET", f"/v1/ops/traces/{answer.json['trace_id']}", None, bearer)
        assert "test publication" in {span["name"] for span in trace.json["spans"]}
        assert f"{node.port}/console/" in node.log
        assert secrets["operator_email"] in node.log
        assert secrets["operator_password"] not in node.log
