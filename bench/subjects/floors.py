"""The floors as subjects."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench.generator import ROOT
from bench.load.target import Target
from bench.pinned import free_port, pinned_server
from bench.process_tree import ProcessTree
from bench.subjects.subject import Server, Subject

SEND_LOOP = "floor: send loop"
WEBSOCKET = "floor: bare WebSocket"
WEBSOCKET_ANSWERED = "floor: the same, one answer"
WEBSOCKET_CALM = "floor: bare, calm collector"
WEBSOCKET_ANSWERED_CALM = "floor: answer, calm collector"
HTTP = "floor: bare HTTP handler"


@contextlib.contextmanager
def run_module(
    module: str, dialect: str, path: str, folder: Path, *, publish_path: str = "", flags: tuple[str, ...] = ()
) -> Iterator[Server]:
    """A server of this package: `python -m <module> <port> <flags>`."""
    port = free_port()
    target = Target(dialect, "127.0.0.1", port, path, publish_path=publish_path)
    argv = [sys.executable, "-m", module, str(port), *flags]
    with pinned_server(argv, port, folder=ROOT, log=folder / "server.log") as pid:
        yield Server(ProcessTree(pid), target)


_bare_websocket = partial(run_module, "bench.floors.websocket_reply", path="/connection/websocket")
_calm_websocket = partial(_bare_websocket, flags=("--calm",))

FLOORS = [
    Subject(
        SEND_LOOP,
        frozenset({"fan_out"}),
        lambda folder: run_module("bench.floors.send_loop", "broadcast", "/", folder, publish_path="/publish"),
    ),
    Subject(
        WEBSOCKET,
        frozenset({"connects", "idle_memory", "commands"}),
        lambda folder: _bare_websocket(dialect="fixed-reply", folder=folder),
    ),
    Subject(
        WEBSOCKET_ANSWERED,
        frozenset({"connects"}),
        lambda folder: _bare_websocket(dialect="fixed-reply-first", folder=folder),
    ),
    Subject(
        WEBSOCKET_CALM,
        frozenset({"connects"}),
        lambda folder: _calm_websocket(dialect="fixed-reply", folder=folder),
    ),
    Subject(
        WEBSOCKET_ANSWERED_CALM,
        frozenset({"connects"}),
        lambda folder: _calm_websocket(dialect="fixed-reply-first", folder=folder),
    ),
    Subject(
        HTTP,
        frozenset({"http_publish"}),
        lambda folder: run_module("bench.floors.http_decode", "centrifuge", "/", folder, publish_path="/api"),
    ),
]
