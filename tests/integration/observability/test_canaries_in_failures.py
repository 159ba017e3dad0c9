"""When something of ours fails with secrets in its hands: what logs, error reports and answers tell of it."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from composition.error_reports import open_error_reports
from observability.config import ErrorReportsConfig
from observability.log_memory import LogMemory
from tests.integration.rest.samples import SAMPLES
from tests.support.api_client import API_KEY
from tests.support.canary import Canaries, LogNet
from tests.support.clock import FakeClock
from tests.support.local_server import local_server
from tests.support.raw_client import raw_client
from tests.support.rest_node import RestNode, rest_node
from tests.support.sentry_receiver import SentryReceiver, sentry_receiver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from storage.config import StorageConfig


@pytest.fixture
def canaries() -> Canaries:
    return Canaries()


@pytest.fixture
def log(canaries: Canaries) -> Iterator[LogMemory]:
    """What is logged: searched as a sink by itself, and as the console has it."""
    net, memory, root = LogNet(tuple(canaries.named().values())), LogMemory(1_000), logging.getLogger()
    root.addHandler(net)
    try:
        with memory.attached():
            yield memory
    finally:
        root.removeHandler(net)
    net.raise_caught()
    lines = memory.find(limit=1_000)
    assert lines, "something was logged"
    assert canaries.found_in(str(lines)) == []


@pytest.fixture
async def sentry() -> AsyncIterator[SentryReceiver]:
    async with sentry_receiver() as receiver:
        config = ErrorReportsConfig(dsn=receiver.dsn, max_per_minute=100_000)
        async with open_error_reports(config, "node", "1", FakeClock(), {}) as reports:
            assert reports is not None
            reports._bucket._rate.tolerance_s = 1e9
            yield receiver


class Failing:
    """Stands in for whatever is called, and tells everything that it was given."""

    def __init__(self, canaries: Canaries) -> None:
        self._canaries = canaries

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        password, fields = self._canaries.password, self._canaries.fields  # what a report must not hold either
        try:
            raise KeyError(json.dumps(fields))
        except KeyError as exc:
            raise RuntimeError(f"{password=} is wrong: {self._canaries.text} {arguments} {named}") from exc


@pytest.mark.usefixtures("log")
async def test_every_operation_that_fails(
    embedded: StorageConfig, sentry: SentryReceiver, canaries: Canaries, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rest_node(embedded) as node:
        monkeypatch.setattr(node.rest.limits, "take_for_address", Failing(canaries))
        for operation in node.rest.operations:
            answer = await _call(node, operation.method, SAMPLES[operation.id].path, canaries)
            assert answer.status == 500
            assert answer.json["code"] == "internal"
            assert canaries.found_in(answer.body) == []
        await sentry.received(len(node.rest.operations))
    assert canaries.found_in(b"".join(sentry.bodies)) == []
    assert "RuntimeError" in sentry.bodies[0].decode()
    assert "KeyError" in sentry.bodies[0].decode()


async def _call(node: RestNode, method: str, path: str, canaries: Canaries) -> Any:
    path = path.partition("?")[0].format(me="x", my_sid="x", other="x", other_sid="x")
    headers = {**canaries.headers, "Content-Type": "application/json"}
    return await node.request(method, f"{path}?{canaries.query}", canaries.fields, headers)


@pytest.mark.usefixtures("log")
async def test_commands_and_the_server_api_that_fail(
    sentry: SentryReceiver, canaries: Canaries, monkeypatch: pytest.MonkeyPatch
) -> None:
    logging.getLogger(__name__).error("opens the connection to the receiver, whose task local_server would miss")
    await sentry.received()
    async with local_server() as server:
        failing = Failing(canaries)
        for name in ("publish", "publish_many", "history", "presence", "presence_stats", "nodes"):
            monkeypatch.setattr(server.engine, name, failing, raising=False)
        async with await raw_client(server.ws_url) as client:
            await client.call("connect")
            reply = await client.ask("publish", channel=f"a:{canaries.email}", data=canaries.fields)
            assert canaries.found_in(str(reply)) == []
        for method in ("publish", "broadcast", "history", "presence", "presence_stats"):
            body = {"channel": "a", "channels": ["a"], "data": canaries.fields}
            answer = await server.api.request("POST", f"/api/{method}", body, {"X-API-Key": API_KEY})
            assert canaries.found_in(answer.body) == []
        server.hub.counters.handler_failures = 0  # the one of ours above
        await sentry.received(3)
    assert canaries.found_in(b"".join(sentry.bodies)) == []
