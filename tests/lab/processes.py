"""The processes of a run and the wires between them: nodes, Redis, RabbitMQ, PostgreSQL, a fault proxy on each way.

Every node reaches each service through a proxy of its own, so that one node can be cut off alone, and clients and
publishers reach each node through another. Everything is a child of this process and gone when it ends.
"""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.e2e.devices import operate
from tests.lab.fault_proxy import FaultProxy, fault_proxy_to
from tests.lab.lab_config import node_config
from tests.lab.proxy_link import HOST
from tests.support.patience import PATIENCE_S, eventually
from tests.support.ports import free_port
from tests.support.postgres import APP_USER, PostgresServer, postgres_server
from tests.support.rabbitmq import RabbitServer, rabbit_server
from tests.support.redis import RedisServer, redis_server
from tests.support.server import NodeProcess, start_node, stop, with_secrets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.support.server import Config

READY_WITHIN_S = 6 * PATIENCE_S

DATABASE = "syncline"

NUM_QUEUES = 2
"""The consumer's, and its dead letters'."""

_NUM_MESSAGES = (
    "lists:sum([proplists:get_value(messages, rabbit_amqqueue:info(Queue, [messages])) || "
    "Queue <- rabbit_amqqueue:list()])"
)
"""Of all queues, dead letters too, acknowledged ones not."""


@dataclass
class LabNode:
    """One node, which is started again on the same ports and data.

    Attributes:
        ways: its proxies to the services, by the services' names.
        door: the proxy that clients and publishers come by.
        num_failed_starts: starts that ended by themselves, for want of a service.
    """

    name: str
    directory: Path
    port: int
    ways: dict[str, FaultProxy]
    door: FaultProxy
    config: Config = field(default_factory=dict)
    process: NodeProcess | None = None
    num_failed_starts: int = 0

    async def start(self) -> None:
        """Begin to start; see `ready`."""
        self.process = await start_node(with_secrets(self.config), self.directory, port=self.port)

    async def ready(self) -> None:
        """Wait until it can serve. One that ends because a service is not there is started again, as by systemd.

        Raises:
            RuntimeError: whatever ails it does not pass; with the end of its log.
        """
        try:
            await eventually(self._is_ready, READY_WITHIN_S)
        except AssertionError:
            assert self.process is not None
            raise RuntimeError(f"{self.name} does not get ready:\n{self.process.log[-4000:]}") from None

    async def _is_ready(self) -> bool:
        assert self.process is not None
        if self.process.process.returncode is not None:
            self.num_failed_starts += 1
            await self.start()
        return await self.process.readiness() == 200

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        if self.process is not None:
            await stop(self.process)

    async def drain(self) -> None:
        """SIGTERM, and wait until it has sent everybody away."""
        assert self.process is not None
        self.process.terminate()
        await self.process.ended(READY_WITHIN_S)

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def traces(self) -> list[str]:
        """The last line of every stack trace in its log, which is one of JSON lines."""
        assert self.process is not None
        lines = [json.loads(line) for line in self.process.log.splitlines() if '"exception"' in line]
        return [line["exception"].strip().splitlines()[-1] for line in lines]

    def check_alive(self) -> None:
        """Raises: RuntimeError: it has ended by itself: nothing in a run gives it a reason."""
        if self.process is not None and self.process.process.returncode is not None:
            raise RuntimeError(f"{self.name} ended with {self.process.process.returncode}:\n{self.process.log[-4000:]}")

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.process.send_signal(number)


@dataclass
class World:
    """Everything that runs. A service that the run does without is None.

    Attributes:
        publishers_ways: the proxies by which publishers reach RabbitMQ and PostgreSQL themselves.
    """

    nodes: list[LabNode]
    redis: RedisServer | None = None
    rabbitmq: RabbitServer | None = None
    postgres: PostgresServer | None = None
    publishers_ways: dict[str, FaultProxy] = field(default_factory=dict)

    @property
    def ws_urls(self) -> list[str]:
        return [node.door.ws_url for node in self.nodes]

    @property
    def http_urls(self) -> list[str]:
        return [node.door.http_url for node in self.nodes]

    @property
    def database_url(self) -> str:
        """As publishers reach it."""
        return f"postgresql://{APP_USER}@{HOST}:{self.publishers_ways['postgres'].port}/{DATABASE}"

    @property
    def rabbitmq_url(self) -> str:
        """As publishers reach it."""
        assert self.rabbitmq is not None
        return self.rabbitmq.url_at(self.publishers_ways["rabbitmq"].port)

    async def call(self, method: str, **request: Any) -> dict[str, Any]:
        """Ask the first node, past its proxy."""
        process = self.nodes[0].process
        assert process is not None
        return await process.api.call(method, **request)

    async def num_waiting(self) -> dict[str, int]:
        """What is still on its way to the hub, by where it waits."""
        waiting = {}
        if self.postgres is not None:
            [(count,)] = await self.postgres.execute("SELECT count(*) FROM outbox", database=DATABASE)
            waiting["outbox"] = int(count)
        if self.rabbitmq is not None:
            waiting["rabbitmq"] = int(await self.rabbitmq.evaluate(_NUM_MESSAGES))
        return waiting


@asynccontextmanager
async def running_world(
    directory: Path, *, num_nodes: int, services: frozenset[str], seed: int
) -> AsyncIterator[World]:
    """Nodes that are ready on services that are.

    Args:
        directory: for the nodes' data and logs.
        services: of redis, rabbitmq, postgres; one node without Redis has the memory engine.
    """
    await asyncio.to_thread(directory.mkdir)
    async with AsyncExitStack() as stack:
        world = World([])
        for name in sorted(services):
            server = await stack.enter_async_context(_in_thread(_SERVERS[name](), directory / f"{name}.log"))
            setattr(world, name, server)
        for service in sorted(services - {"redis"}):
            way = fault_proxy_to(getattr(world, service).port, seed=seed)
            world.publishers_ways[service] = await stack.enter_async_context(way)
        for index in range(num_nodes):
            node = await _node(stack, directory, f"n{index + 1}", world, seed)
            stack.push_async_callback(node.kill)
            world.nodes.append(node)
        await _prepare(world)
        for node in world.nodes:
            await node.start()
        for node in world.nodes:
            await node.ready()
        if world.rabbitmq is not None:
            await _age_queues(world.rabbitmq)
        yield world


async def _node(stack: AsyncExitStack, directory: Path, name: str, world: World, seed: int) -> LabNode:
    home = directory / name
    home.mkdir()
    ports = {"redis": world.redis, "rabbitmq": world.rabbitmq, "postgres": world.postgres}
    ways = {
        service: await stack.enter_async_context(fault_proxy_to(server.port, seed=seed))
        for service, server in ports.items()
        if server is not None
    }
    port = free_port()
    door = await stack.enter_async_context(fault_proxy_to(port, seed=seed))
    node = LabNode(name, home, port, ways, door)
    node.config = node_config(name, {service: way.port for service, way in ways.items()})
    return node


async def _age_queues(rabbitmq: RabbitServer) -> None:
    """Once the nodes have declared their queues: a broker that is killed in their first seconds loses them for good."""

    async def are_declared() -> bool:
        return int(await rabbitmq.evaluate("length(rabbit_amqqueue:list())")) == NUM_QUEUES

    await eventually(are_declared, READY_WITHIN_S)
    await rabbitmq.age_queues()


async def _prepare(world: World) -> None:
    if world.postgres is not None:
        url = await asyncio.to_thread(world.postgres.create_database, DATABASE)
        config = node_config("setup", {"postgres": world.postgres.port})
        assert url.endswith(f"/{DATABASE}")
        await operate(config, world.nodes[0].directory, "migrate", "up")


_SERVERS: dict[str, Any] = {
    "redis": lambda: redis_server(is_durable=True),
    "rabbitmq": rabbit_server,
    "postgres": postgres_server,
}


@asynccontextmanager
async def _in_thread(server: AbstractContextManager[Any], log: Path) -> AsyncIterator[Any]:
    """Entered here, where it must be: a server ends with the thread that started it. Its log stays."""
    with server as running:
        try:
            yield running
        finally:
            await asyncio.to_thread(log.write_text, running.log)
