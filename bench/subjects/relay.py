"""Consumers of one RabbitMQ queue: the bare one, and a node of Syncline with a subscriber."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench.backlog import DEAD, QUEUE, Backlog
from bench.generator import ROOT
from bench.load import on_request
from bench.load.target import Target
from bench.pinned import free_port, pinned_server
from bench.process_tree import ProcessTree
from bench.subjects.centrifuge import SYNCLINE
from bench.subjects.node import running_node
from bench.subjects.rabbitmq_server import RabbitMq, missing_rabbitmq, running_rabbitmq
from bench.subjects.subject import Server, Subject

SCENARIO = "relay_rabbitmq"
CHANNEL = "bench"

BARE_CONSUMER = "floor: aio-pika, group acks"
BARE_DRIVER = "floor: aiormq, group acks"


@contextlib.contextmanager
def _held_queue() -> Iterator[tuple[RabbitMq, Backlog]]:
    """The broker, and its queue, held before any other consumer comes."""
    with running_rabbitmq() as rabbitmq, contextlib.closing(Backlog(rabbitmq.url)) as backlog:
        yield rabbitmq, backlog


@contextlib.contextmanager
def _bare_consumer(way: str, folder: Path) -> Iterator[Server]:
    with _held_queue() as (rabbitmq, backlog):
        port = free_port()
        argv = [sys.executable, "-m", "bench.floors.rabbitmq_consumer", str(port), way, rabbitmq.url]
        target = Target(on_request.DIALECT, "127.0.0.1", port, "")
        with pinned_server(argv, port, folder=ROOT, log=folder / "server.log") as pid:
            yield Server(ProcessTree(pid), target, beside=ProcessTree(rabbitmq.pid), source=backlog)


@contextlib.contextmanager
def _syncline(folder: Path) -> Iterator[Server]:
    with _held_queue() as (rabbitmq, backlog):
        consumer = {
            "name": "bench",
            "type": "rabbitmq",
            "rabbitmq": {
                "url": [rabbitmq.url],
                "queue": QUEUE,
                "declare": False,
                "dead_letter_exchange": DEAD,
                "dead_letter_queue": DEAD,
            },
            "routes": [{"channels": [CHANNEL]}],
        }
        with running_node(folder, {"consumers": [consumer]}) as (pid, target):
            yield Server(ProcessTree(pid), target, beside=ProcessTree(rabbitmq.pid), source=backlog)


RELAYS = [
    Subject(BARE_CONSUMER, frozenset({SCENARIO}), partial(_bare_consumer, "aio-pika"), missing_rabbitmq),
    Subject(BARE_DRIVER, frozenset({SCENARIO}), partial(_bare_consumer, "aiormq"), missing_rabbitmq),
    Subject(SYNCLINE, frozenset({SCENARIO}), _syncline, missing_rabbitmq),
]
