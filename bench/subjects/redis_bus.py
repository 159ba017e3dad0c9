"""A node's connection to Redis, ours and redis-py's. Redis is beside the generator: the client alone is measured."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from bench.generator import ROOT
from bench.load import on_request
from bench.load.redis_feed import Doorbell
from bench.load.target import Target
from bench.pinned import GENERATOR_CORE, free_port, pinned_server
from bench.process_tree import ProcessTree
from bench.subjects.centrifuge import SYNCLINE
from bench.subjects.redis_server import missing_redis, running_redis
from bench.subjects.subject import Server, Subject
from hub.engines.redis.config import RedisConfig
from hub.engines.redis.keys import Keys

SCENARIO = "redis_bus"
CHANNEL = "bench"

ENGINE = "the engine on top of it"
ENGINE_KEPT = "the same, with history"
REDIS_PY = "redis-py"


def _plain(port: int) -> Doorbell:
    return Doorbell(port, CHANNEL)


def _of_an_engine(port: int) -> Doorbell:
    """As a node without history would ring it (hub/engines/redis/lua/publish.lua)."""
    name = Keys(RedisConfig().prefix).of(CHANNEL).doorbell.decode()
    return Doorbell(port, name, before='{"p":{"data":', after="}}")


@contextlib.contextmanager
def _running(which: str, doorbell_of: Callable[[int], Doorbell], folder: Path) -> Iterator[Server]:
    with running_redis([GENERATOR_CORE]) as redis:
        port = free_port()
        argv = [sys.executable, "-m", "bench.parts.redis_bus", str(port), which, str(redis.port)]
        target = Target(on_request.DIALECT, "127.0.0.1", port, "")
        with pinned_server(argv, port, folder=ROOT, log=folder / "server.log") as pid:
            yield Server(ProcessTree(pid), target, beside=ProcessTree(redis.pid), doorbell=doorbell_of(redis.port))


def _subject(name: str, which: str, doorbell_of: Callable[[int], Doorbell]) -> Subject:
    return Subject(name, frozenset({SCENARIO}), partial(_running, which, doorbell_of), missing_redis)


BUSES = [
    _subject(SYNCLINE, "bus", _plain),
    _subject(REDIS_PY, "redis-py", _plain),
    _subject(ENGINE, "engine", _of_an_engine),
    _subject(ENGINE_KEPT, "engine-kept", _of_an_engine),
]
