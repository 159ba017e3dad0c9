"""A node that is told of sinks: a log-in, a document, a connection that comes and goes, seen from a Redis stream."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.e2e.devices import devices_on, platform
from tests.support.patience import eventually
from tests.support.server import running_server

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.redis import RedisServer

STREAM = "platform-events"


async def test_what_happens_on_the_platform_is_in_the_stream(redis_server: RedisServer, tmp_path: Path) -> None:
    sink = {
        "name": "audit",
        "type": "redis_stream",
        "events": ["session.*", "state.*", "connection.*"],
        "redis_stream": {"address": [redis_server.address], "stream": STREAM},
    }
    async with running_server(platform(sinks=[sink]), data_dir=tmp_path) as node:
        async with devices_on(node) as devices:
            device = await devices.log_in(await devices.register())
            await devices.connect(device)
            patch = {"Content-Type": "application/merge-patch+json", "Idempotency-Key": "m1"}
            answer = await device.call("PATCH", "/v1/state/cart", {"items": 1}, patch)
            assert answer.status == 200, answer
        expected = {"session.created", "connection.connected", "state.changed", "connection.disconnected"}

        async def has_everything() -> bool:
            return {event["ce-type"] for event in await events(redis_server)} == expected

        await eventually(has_everything)
        assert node.process.returncode is None

    by_kind = {event["ce-type"]: event for event in await events(redis_server)}
    connected, disconnected = (
        json.loads(by_kind[f"connection.{what}"]["payload"]) for what in ("connected", "disconnected")
    )
    assert (connected["user"], connected["session"], connected["device"]) == (device.user, device.sid, device.did)
    assert disconnected["client"] == connected["client"]
    assert disconnected["code"]
    assert by_kind["state.changed"]["ce-subject"] == f"state:cart#{device.user}"
    assert json.loads(by_kind["session.created"]["payload"])["session"]["id"] == device.sid


async def events(redis_server: RedisServer) -> list[dict[str, str]]:
    entries: Any = await redis_server.execute("XRANGE", STREAM, "-", "+")
    return [{_text(name): _text(value) for name, value in _pairs(fields)} for _, fields in entries]


def _pairs(fields: Any) -> Any:
    return fields.items() if isinstance(fields, dict) else zip(fields[::2], fields[1::2], strict=True)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
