"""What the tests that follow an event stand on: two nodes, a broker, a browser, a collector, a Sentry, and a publisher.

The consumer is on node A and the browser on node B, so that whatever is shown has crossed everything there is.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from asyncio.subprocess import PIPE
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from tests.e2e.clients_js import PACKAGE, build_package, pages
from tests.e2e.devices import PASSWORD, Devices, devices_on, operate, platform
from tests.e2e.javascript import DIRECTORY, SCENARIO_PATIENCE_S, node_js
from tests.support.cluster import know_each_other, new_prefix, redis_section
from tests.support.otlp_receiver import OtlpReceiver, otlp_receiver
from tests.support.patience import PATIENCE_S, eventually
from tests.support.ports import free_port
from tests.support.proxy import proxy_to
from tests.support.sentry_receiver import SentryReceiver, sentry_receiver
from tests.support.server import running_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.support.otlp_receiver import ReceivedSpan
    from tests.support.postgres import PostgresServer
    from tests.support.rabbitmq import RabbitServer
    from tests.support.server import Config, NodeProcess

OPERATOR = "operator@example.com"

_numbers = count(1)


def configuration(prefix: str, redis_port: int, database: str, dsn: str, origin: str) -> Config:
    """Of both nodes: what begins here is not followed, what publishers have decided is."""
    namespace = {
        "name": "orders",
        "history_size": 100,
        "history_ttl": "60s",
        "force_recovery": True,
        "allow_subscribe_for_client": True,
    }
    return platform(
        channel={"namespaces": [namespace]},
        client={"allowed_origins": [origin]},
        engine=redis_section(redis_port, prefix),
        database={"url": database},
        opentelemetry={"enabled": True, "sample_ratio": 0},
        prometheus={"enabled": True},
        sentry={"dsn": dsn},
        console={"enabled": True},
    )


def consumer(rabbitmq: RabbitServer, queue: str) -> dict[str, Any]:
    return {
        "name": "orders",
        "type": "rabbitmq",
        "rabbitmq": {"url": rabbitmq.url, "queue": queue},
        "routes": [{"channels": ["orders:{data.key}"]}],
    }


class Publisher:
    """A backend with OpenTelemetry's own SDK, which tells the collector of its spans."""

    def __init__(self, collector: OtlpReceiver) -> None:
        resource = Resource.create({"service.name": "shop"})
        self._provider = TracerProvider(resource=resource)
        exporter = OTLPSpanExporter(f"{collector.endpoint}/v1/traces")
        self._provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=100))
        self._tracer = self._provider.get_tracer("shop")

    @contextmanager
    def span(self, name: str = "sell") -> Iterator[tuple[str, dict[str, str]]]:
        """A span of the backend's own: its trace id, and the headers that carry its context."""
        headers: dict[str, str] = {}
        with self._tracer.start_as_current_span(name) as span:
            propagate.inject(headers)
            yield trace.format_trace_id(span.get_span_context().trace_id), headers

    async def close(self) -> None:
        await asyncio.to_thread(self._provider.shutdown)


class Chromium:
    """Pages that are driven by what tests/js/tracing/page.mjs offers."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def call(self, page: str, function: str, *arguments: object) -> Any:
        """What the page answers; its failure, or whatever it complained about meanwhile, is an AssertionError."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([page, function, *arguments]).encode() + b"\n")
        async with asyncio.timeout(SCENARIO_PATIENCE_S):
            line = await self._process.stdout.readline()
        assert line, "the driver ended; its stderr says why"
        answer = json.loads(line)
        assert answer["failure"] is None, answer["failure"]
        return answer["result"]


@asynccontextmanager
async def chromium(page_url: str) -> AsyncIterator[Chromium]:
    process = await asyncio.create_subprocess_exec(
        *("setpriv", "--pdeathsig", "KILL", "--", node_js()),
        *(str(DIRECTORY / "tracing" / "chromium.mjs"), page_url),
        stdin=PIPE,
        stdout=PIPE,
    )
    try:
        yield Chromium(process)
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(PATIENCE_S):
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def bundle_page(directory: Path) -> None:
    """As an application's build does; OpenTelemetry is one of the application's own packages."""
    build_package()
    esbuild = [node_js(), "node_modules/esbuild/bin/esbuild", "page=tracing/page.mjs"]
    options = ["--bundle", "--format=esm", "--log-level=warning", f"--outdir={directory}"]
    env = {**os.environ, "NODE_PATH": str(PACKAGE / "node_modules")}
    subprocess.run([*esbuild, *options], cwd=DIRECTORY, env=env, check=True, timeout=60)


@dataclass
class World:
    """Everything, running. Spans of all parties arrive at `collector`."""

    a: NodeProcess
    b: NodeProcess
    there: Devices
    collector: OtlpReceiver
    sentry: SentryReceiver
    publisher: Publisher
    browser: Chromium
    postgres: PostgresServer
    database: str

    def new_key(self) -> str:
        """Of a channel that nobody has used."""
        return f"order-{next(_numbers)}"

    async def page(self, name: str, channel: str, *, has_telemetry: bool, broken: str = "") -> None:
        """A page on node B with the package, which is subscribed when this ends."""
        if has_telemetry:
            await self.browser.call(name, "observe", self.collector.endpoint)
        credentials = {"email": await self.there.register(), "password": PASSWORD}
        await self.browser.call(name, "start", self.b.http_url, credentials, channel, broken)

    async def plain_page(self, name: str, channel: str, *, is_followed: bool) -> None:
        """One with npm `centrifuge`."""
        device = await self.there.log_in(await self.there.register())
        await self.browser.call(name, "plain", self.b.http_url, device.access_token, channel, is_followed)

    async def heard(self, page: str, number: int = 1) -> list[dict[str, Any]]:
        """Wait until the page has shown so many things."""

        async def has_heard() -> bool:
            return len(await self.browser.call(page, "heard")) >= number

        await eventually(has_heard)
        heard: list[dict[str, Any]] = await self.browser.call(page, "heard")
        return heard

    async def publish(self, channel: str, data: object, headers: dict[str, str]) -> None:
        """Over HTTP, at node A."""
        answer = await self.a.api.post("/api/publish", {"channel": channel, "data": data}, headers)
        assert "error" not in answer.json, answer

    async def spans(self, trace_id: str, *names: str) -> dict[str, list[ReceivedSpan]]:
        """All spans of a trace by name, when there is one of each of these names; wait for that."""
        await self.collector.received(*names, trace_id=trace_id)
        found: dict[str, list[ReceivedSpan]] = {}
        for span in self.collector.trace(trace_id):
            found.setdefault(span.name, []).append(span)
        return found

    async def metric(self, node: NodeProcess, name: str) -> float:
        """One series without labels; 0 while there is none."""
        text = (await node.api.request("GET", "/metrics")).body.decode()
        values = [line.rpartition(" ")[2] for line in text.splitlines() if line.split(" ")[0].split("{")[0] == name]
        return sum(float(value) for value in values)


@asynccontextmanager
async def tracing_world(
    redis_port: int, rabbitmq: RabbitServer, queue: str, postgres: PostgresServer, directory: Path
) -> AsyncIterator[World]:
    database_name = f"tracing_{next(_numbers)}_{os.getpid()}"
    database = postgres.create_database(database_name)
    page_port = free_port()
    await asyncio.to_thread(bundle_page, directory)
    async with AsyncExitStack() as stack:
        collector = await stack.enter_async_context(otlp_receiver())
        sentry = await stack.enter_async_context(sentry_receiver())
        config = configuration(new_prefix(), redis_port, database, sentry.dsn, f"http://127.0.0.1:{page_port}")
        await operate(config, directory, "migrate", "up")
        await operate(config, directory, "accounts", "create-admin", "--email", OPERATOR, lines=f"{PASSWORD}\n")
        env = collector.env()
        with_consumer = config | {"consumers": [consumer(rabbitmq, queue)], "node": {"name": "a"}}
        a = await stack.enter_async_context(running_server(with_consumer, env=env))
        b = await stack.enter_async_context(running_server(config | {"node": {"name": "b"}}, env=env))
        await know_each_other([a, b])
        there = await stack.enter_async_context(devices_on(b))
        publisher = Publisher(collector)
        stack.push_async_callback(publisher.close)
        wire = await stack.enter_async_context(proxy_to(b.port))
        page_url = await stack.enter_async_context(pages(wire, page_port, directory))
        browser = await stack.enter_async_context(chromium(page_url))
        yield World(a, b, there, collector, sentry, publisher, browser, postgres, database_name)
