"""One node or two, one worker or two, with Redis between them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import msgspec

from bench.pinned import spread_cores
from bench.process_tree import ProcessTree
from bench.subjects.centrifuge import OPEN_TO_ALL, SYNCLINE
from bench.subjects.node import running_node
from bench.subjects.redis_server import Redis, missing_redis, running_redis
from bench.subjects.subject import Server, Subject

ACROSS, WORKERS = frozenset({"cross_node"}), frozenset({"workers"})

ALONE = "one node, without Redis"
ALONE_ON_REDIS = "one node, with Redis"
ONE_WORKER = "one worker"


def on_redis(redis: Redis) -> dict[str, object]:
    return {"engine": {"type": "redis", "redis": {"address": [redis.url]}}}


_CHANNELS: Mapping[str, object] = {
    "channel": {
        "without_namespace": OPEN_TO_ALL,
        "namespaces": [{"name": "kept", "history_size": 100, "history_ttl": "60s", **OPEN_TO_ALL}],
    }
}


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[Server]:
    with running_node(folder, _CHANNELS) as (pid, target):
        yield Server(ProcessTree(pid), target)


@contextlib.contextmanager
def _alone_on_redis(folder: Path) -> Iterator[Server]:
    with running_redis() as redis, running_node(folder, {**_CHANNELS, **on_redis(redis)}) as (pid, target):
        yield Server(ProcessTree(pid, redis.pid), target)


@contextlib.contextmanager
def _across(folder: Path) -> Iterator[Server]:
    """All on the server's core: what is published on the first node is delivered by the second."""
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(running_redis())
        sections = {**_CHANNELS, **on_redis(redis)}
        first_pid, first = stack.enter_context(running_node(folder / "first", sections))
        second_pid, second = stack.enter_context(running_node(folder / "second", sections))
        target = msgspec.structs.replace(second, publish_port=first.port)
        yield Server(ProcessTree(second_pid, first_pid, redis.pid), target)


@contextlib.contextmanager
def _workers(count: int, folder: Path) -> Iterator[Server]:
    """Wherever the system puts them: with two cores, the generator and Redis share these."""
    cores = spread_cores()
    with running_redis(cores) as redis:
        flags = ["--workers", str(count)]
        with running_node(folder, on_redis(redis), flags=flags, cores=cores) as (pid, target):
            yield Server(ProcessTree(pid), target, beside=ProcessTree(redis.pid), is_pinned=False)


CLUSTERS = [
    Subject(ALONE, ACROSS, _alone),
    Subject(ALONE_ON_REDIS, ACROSS, _alone_on_redis, missing_redis),
    Subject(SYNCLINE, ACROSS, _across, missing_redis),
    Subject(ONE_WORKER, WORKERS, partial(_workers, 1), missing_redis),
    Subject(SYNCLINE, WORKERS, partial(_workers, 2), missing_redis),
]
