"""Everything that can break in a world: processes, what runs inside them, and the wires between them.

A byte that changes on its way is not among them: nothing under a WebSocket without TLS can tell, and a run could not
tell the hub's faults from the network's. `tests.lab.toxics.CorruptByte` is used where the answer is known.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from tests.lab.fault_proxy import Direction, sent
from tests.lab.nemesis import Breakage
from tests.lab.toxics import Bandwidth, Latency, Slicer, Stall
from tests.support.postgres import APP_USER

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from tests.lab.fault_proxy import FaultProxy
    from tests.lab.processes import LabNode, World
    from tests.support.postgres import PostgresServer
    from tests.support.rabbitmq import RabbitServer
    from tests.support.redis import RedisServer

    Action = Callable[[], Awaitable[object]]


def breakages_of(world: World) -> list[Breakage]:
    """All of them, in an order that does not depend on anything but the world's parts."""
    found: list[Breakage] = []
    for node in world.nodes:
        found += _of_node(node, breaks_streams=world.redis is None)
        found += _of_wire(f"clients-{node.name}", node.door)
        for service, way in sorted(node.ways.items()):
            found += _of_wire(f"{node.name}-{service}", way, _REQUESTS[service])
        if "redis" in node.ways:
            found += _of_subscriber(f"{node.name}-redis", node.ways["redis"])
    for service, way in sorted(world.publishers_ways.items()):
        found += _of_wire(f"publishers-{service}", way, _REQUESTS[service])
    if world.redis is not None:
        found += _of_redis(world.redis)
    if world.rabbitmq is not None:
        found += _of_rabbitmq(world.rabbitmq)
    if world.postgres is not None:
        found += _of_postgres(world.postgres)
    return found


_REQUESTS = {"redis": b"EVALSHA", "rabbitmq": b"", "postgres": b"COMMIT"}
"""What is in a request whose answer is cut, so that it is one that changes something."""


# --- wires ----------------------------------------------------------------------------------------------------------


def _of_wire(name: str, proxy: FaultProxy, request: bytes = b"") -> Iterator[Breakage]:
    faults: dict[str, Callable[[], object]] = {
        "reset": proxy.reset,
        "cut": proxy.cut,
        "blackhole": proxy.blackhole,
        "half open up": partial(proxy.half_open, Direction.UP),
        "half open down": partial(proxy.half_open, Direction.DOWN),
        "stall": partial(proxy.add, Stall()),
        "stall down": partial(proxy.add, Stall(), Direction.DOWN),
        "latency": partial(proxy.add, Latency(0.1, 0.1)),
        "bandwidth": partial(proxy.add, Bandwidth(16_000)),
        "slicer": partial(proxy.add, Slicer(1, 7)),
        "cut reply": partial(proxy.cut_reply_once, request),
    }
    for fault, begin in faults.items():
        yield Breakage(f"{name}: {fault}", name, _at_once(begin), _at_once(proxy.mend))
    yield Breakage(f"{name}: refuse", name, proxy.refuse, proxy.heal)


def _of_subscriber(name: str, proxy: FaultProxy) -> Iterator[Breakage]:
    """The connection that hears other nodes fails, and all else is well: nothing shows but what is missing."""
    subscribing = sent(b"SUBSCRIBE")
    faults: dict[str, Callable[[], object]] = {
        "subscriber deaf": partial(proxy.half_open, Direction.DOWN, subscribing),
        "subscriber late": partial(proxy.add, Stall(), Direction.DOWN, where=subscribing),
        "subscriber reset": partial(proxy.reset, subscribing),
    }
    for fault, begin in faults.items():
        yield Breakage(f"{name}: {fault}", name, _at_once(begin), _at_once(proxy.mend), weight=2)


# --- processes ------------------------------------------------------------------------------------------------------


def _of_node(node: LabNode, *, breaks_streams: bool) -> Iterator[Breakage]:
    async def restart() -> None:
        await node.start()
        await node.ready()

    yield Breakage(f"{node.name}: kill", node.name, node.kill, restart, breaks_streams, weight=3)
    yield Breakage(f"{node.name}: drain", node.name, node.drain, restart, breaks_streams=False, weight=2)
    pause, resume = _at_once(node.pause), _at_once(node.resume)
    yield Breakage(f"{node.name}: pause", node.name, pause, resume, weight=2)
    yield Breakage(f"{node.name}: pause beyond its lease", node.name, pause, resume, stretch=4, weight=2)


def _of_redis(redis: RedisServer) -> Iterator[Breakage]:
    async def restart() -> None:
        redis.start()
        await redis.ready()

    async def wipe() -> None:
        """What a server without persistence comes back with."""
        redis.kill()
        for file in redis.directory.glob("appendonlydir/*"):
            file.unlink()

    snapshot = redis.directory / "snapshot"

    async def remember() -> None:
        shutil.rmtree(snapshot, ignore_errors=True)
        shutil.copytree(redis.directory / "appendonlydir", snapshot)

    async def go_back() -> None:
        """What a replica that lags comes up with: everything, but for the last seconds."""
        redis.kill()
        shutil.rmtree(redis.directory / "appendonlydir")
        shutil.copytree(snapshot, redis.directory / "appendonlydir")
        await restart()

    async def cut_subscribers() -> None:
        await redis.kill_clients("pubsub")

    async def flush() -> None:
        await redis.execute("FLUSHALL")

    async def sleep() -> None:
        await redis.execute("CLIENT", "PAUSE", "1500", "ALL")

    for name, begin, end, breaks in (
        ("kill", _at_once(redis.kill), restart, True),
        ("kill and forget", wipe, restart, True),
        ("kill and forget the last seconds", remember, go_back, True),
        ("pause", _at_once(redis.pause), _at_once(redis.resume), False),
        ("pub/sub cut", cut_subscribers, nothing, False),
        ("flushall", flush, nothing, True),
        ("client pause", sleep, nothing, False),
    ):
        yield Breakage(f"redis: {name}", "redis", begin, end, breaks, weight=3)


def _of_rabbitmq(rabbitmq: RabbitServer) -> Iterator[Breakage]:
    async def restart() -> None:
        rabbitmq.start()
        await rabbitmq.ready()

    async def close_connections() -> None:
        with suppress(RuntimeError):  # it gives up on a channel that does not end in time, and has closed the others
            await rabbitmq.close_all_connections()

    yield Breakage("rabbitmq: kill", "rabbitmq", _at_once(rabbitmq.kill), restart, weight=1)
    yield Breakage("rabbitmq: pause", "rabbitmq", _at_once(rabbitmq.pause), _at_once(rabbitmq.resume), weight=2)
    yield Breakage("rabbitmq: connections closed", "rabbitmq", close_connections, nothing, weight=3)
    yield Breakage("rabbitmq: alarm", "rabbitmq", rabbitmq.raise_memory_alarm, rabbitmq.clear_memory_alarm, weight=2)


def _of_postgres(postgres: PostgresServer) -> Iterator[Breakage]:
    async def restart() -> None:
        postgres.start()
        await postgres.ready()

    async def terminate() -> None:
        await postgres.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{APP_USER}'")

    yield Breakage("postgres: connections terminated", "postgres", terminate, nothing, weight=3)
    yield Breakage("postgres: kill", "postgres", _at_once(postgres.kill), restart, weight=3)
    yield Breakage("postgres: pause", "postgres", _at_once(postgres.pause), _at_once(postgres.resume), weight=3)


def _at_once(call: Callable[[], object]) -> Action:
    async def action() -> None:
        call()

    return action


async def nothing() -> None:
    """It mends itself."""
