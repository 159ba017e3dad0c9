"""Secrets sent through everything that a node takes, with tracing, error reports and metrics on: no sink has them.

The node runs as operators run it, at its most talkative. Threats T2 and T16; ASVS 14.2.6, 16.2.5.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from api.server_api_methods import METHODS
from tests.integration.rest.samples import SAMPLES
from tests.support.canary import Canaries
from tests.support.otlp_receiver import otlp_receiver
from tests.support.patience import PATIENCE_S, eventually
from tests.support.rabbit_world import sender_at
from tests.support.raw_client import raw_client
from tests.support.sentry_receiver import sentry_receiver
from tests.support.server import running_server
from tests.support.tokens import connection_token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.api_client import Answer
    from tests.support.otlp_receiver import OtlpReceiver
    from tests.support.rabbitmq import RabbitNames, RabbitServer
    from tests.support.sentry_receiver import SentryReceiver
    from tests.support.server import NodeProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

EVENT = {"Content-Type": "application/cloudevents+json"}

TRACED = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}


def config_of(rabbitmq: RabbitServer, queue: str, sentry: SentryReceiver, canaries: Canaries) -> dict[str, Any]:
    consumer = {
        "name": "orders",
        "type": "rabbitmq",
        "rabbitmq": {"url": rabbitmq.url, "queue": queue},
        "routes": [{"channels": ["orders:{data.key}"]}],
    }
    open_to_all = {"allow_subscribe_for_client": True, "allow_publish_for_client": True, "presence": True}
    return {
        "accounts": {"enabled": True, "secret_key": f"{canaries.password}-{'s' * 32}"},
        "channel": {"namespaces": [{"name": "orders", "history_size": 10, "history_ttl": "60s", **open_to_all}]},
        "consumers": [consumer],
        "events": {"enabled": True, "routes": [{"channels": ["orders:events"]}]},
        "log": {"level": "debug"},
        "rest": {"address_rate_limit": 0},
        "opentelemetry": {
            "enabled": True,
            "sample_ratio": 1,
            "max_roots_per_second": 10_000,
            "max_followed_per_second": 10_000,
        },
        "prometheus": {"enabled": True},
        "console": {"enabled": True},
        "sentry": {"dsn": sentry.dsn, "max_reports_per_minute": 1_000},
    }


class Planter:
    """Sends canaries, and keeps the answers that are problem documents."""

    def __init__(self, node: NodeProcess, canaries: Canaries) -> None:
        self.node = node
        self.canaries = canaries
        self.problems: list[bytes] = []

    async def http(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        answer = await self.node.api.request(method, path, body, headers)
        if answer.headers.get("content-type", "").startswith("application/problem+json"):
            self.problems.append(answer.body)
        return answer

    async def rest(self) -> None:
        """Every operation: with the secrets where they belong, and everywhere else."""
        canaries, json_type = self.canaries, {"Content-Type": "application/json"}
        account = {"email": canaries.email, "password": canaries.password, "name": canaries.short}
        device = {"id": "canary-device-0123456789abcdef", "name": canaries.short}
        assert (await self.http("POST", "/v1/accounts", account, **json_type)).status == 202
        login = {"email": canaries.email, "password": canaries.password, "device": device, "mode": "token"}
        assert (await self.http("POST", "/v1/login", login, **json_type)).status == 200
        for sample in SAMPLES.values():
            path = sample.path.format(me="x", my_sid="x", other=canaries.email, other_sid=canaries.refresh_token)
            for method in ("GET", "POST", "PATCH"):
                await self.http(method, path, sample.body, **{**json_type, **canaries.headers, **TRACED})
                await self.http(method, f"{path.partition('?')[0]}?{canaries.query}", canaries.fields, **json_type)
            await self.http("POST", path, json.dumps(canaries.fields)[:-1].encode(), **json_type)

    async def server_api(self) -> None:
        canaries = self.canaries
        channel = f"orders:{canaries.email}"
        whole = {"channel": channel, "channels": [channel], "user": canaries.email, "data": canaries.fields}
        for method in (*METHODS, "batch", canaries.email):
            for body in (whole, canaries.fields, {**whole, "tags": {"note": canaries.text}, "method": canaries.email}):
                await self.node.api.post(f"/api/{method}", body, TRACED)
            await self.http("POST", f"/api/{method}?{canaries.query}", whole, **canaries.headers)
        await self.http("GET", f"/{canaries.email}/{canaries.api_key}?{canaries.query}", None, **canaries.headers)

    async def events(self) -> None:
        canaries = self.canaries
        whole: dict[str, object] = {
            "specversion": "1.0",
            "id": canaries.email,
            "source": f"//u:{canaries.password}@h/{canaries.card}",
        }
        whole |= {"type": canaries.api_key, "subject": canaries.jwt, "data": canaries.fields}
        whole |= TRACED
        for event in (whole, {**whole, "specversion": canaries.text}, {**canaries.fields}, [whole, canaries.text]):
            for headers in (EVENT, {"Content-Type": "application/cloudevents-batch+json"}):
                answer = await self.node.api.post("/v1/events", event, headers)
                self.problems.append(answer.body)
        await self.http("POST", f"/v1/events?{canaries.query}", whole, **{**EVENT, **canaries.headers})

    async def commands(self) -> None:
        """Every command of a client, with a token that is good and with ones that are not."""
        canaries, url = self.canaries, self.node.ws_url
        for token in (canaries.jwt, canaries.text, connection_token(canaries.email, secret=canaries.api_key * 2)):
            async with await raw_client(f"{url}?{canaries.query}", additional_headers=canaries.headers) as client:
                await client.cast("connect", token=token, name=canaries.text, data=canaries.fields)
                await client.closing()
        for method, request in self._requests():  # some end their connection
            async with await raw_client(url, additional_headers=TRACED) as client:
                await client.call("connect", token=connection_token(canaries.email), data=canaries.fields)
                await client.cast(method, **request)
                await client.leave()  # what was sent before has been handled by then

    def _requests(self) -> Iterator[tuple[str, dict[str, Any]]]:
        canaries = self.canaries
        channels = (f"orders:{canaries.email}", f"orders:{canaries.card}", f"nowhere:{canaries.email}")
        for channel in channels:
            yield "subscribe", {"channel": channel, "token": canaries.jwt, "data": canaries.fields}
            yield "subscribe", {"channel": channel}
            yield "publish", {"channel": channel, "data": {**canaries.fields, **TRACED}}
            for method in ("presence", "presence_stats", "history", "unsubscribe"):
                yield method, {"channel": channel}
            yield "sub_refresh", {"channel": channel, "token": canaries.jwt}
        for method in (canaries.email, "state.replace", "sessions.rename", "ops.watch"):
            yield "rpc", {"method": method, "data": {**canaries.fields, **TRACED}}
        yield "refresh", {"token": canaries.jwt}
        yield "send", {"data": canaries.fields}

    async def messages(self, rabbitmq: RabbitServer, queue: str) -> None:
        """Good ones and ones that are rejected, with secrets in headers and body."""
        canaries = self.canaries
        headers = {**canaries.headers, **TRACED, "password": canaries.password, "ce-id": canaries.email}
        async with sender_at(rabbitmq.url) as sender:
            for body in ({**canaries.fields, "key": canaries.email}, canaries.fields, canaries.text.encode()):
                await sender.send(queue, body, message_id=canaries.api_key, headers=headers)
            await sender.send(queue, {"key": "last"})

        async def is_done() -> bool:
            return bool((await self.node.api.call("history", channel="orders:last", limit=1))["publications"])

        await eventually(is_done, 3 * PATIENCE_S)


async def test_no_sink_has_any_of_them(rabbitmq: RabbitServer, rabbitmq_names: RabbitNames) -> None:
    canaries, queue = Canaries(), rabbitmq_names("canaries")
    async with sentry_receiver() as sentry, otlp_receiver() as collector:
        config = config_of(rabbitmq, queue, sentry, canaries)
        async with running_server(config, env=collector.env()) as node:
            planter = Planter(node, canaries)
            await planter.rest()
            await planter.server_api()
            await planter.events()
            await planter.commands()
            await planter.messages(rabbitmq, queue)
            metrics = (await node.api.request("GET", "/metrics")).body
            await everything_exported(collector)
            node.terminate()
            await node.ended(3 * PATIENCE_S)
            log = node.log
        sinks: dict[str, str | bytes] = {
            "log": log,
            "spans": b"\n".join(collector.bodies),
            "metrics": metrics,
            "error reports": b"\n".join(sentry.bodies),
            "problem documents": b"\n".join(planter.problems),
        }
    assert {name: canaries.found_in(sink) for name, sink in sinks.items()} == {name: [] for name in sinks}
    assert "connection_closed" in log
    assert b"syncline_" in metrics
    assert planter.problems


async def everything_exported(collector: OtlpReceiver) -> None:
    """One span of each way in has come; the others go out with the end of the node."""
    await collector.received("publish orders", "process orders", "POST /api/publish", within_s=3 * PATIENCE_S)
