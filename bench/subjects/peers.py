"""The peers as subjects. One that is not installed says what is missing and is left out."""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench.generator import ROOT
from bench.load.target import Target
from bench.pinned import free_port, pinned_server, raise_open_files_limit
from bench.process_tree import ProcessTree
from bench.subjects.floors import run_module
from bench.subjects.subject import Server, Subject

WEBSOCKETS = "websockets.broadcast"
PYTHON_SOCKETIO = "python-socketio"
NODE_SOCKETIO = "Node socket.io"
NCHAN = "nginx + nchan"

_PEERS = ROOT / "bench" / "peers"
_NODE = _PEERS / "node"
_NCHAN_MODULE = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
_SOCKETIO_PATH = "/socket.io/?EIO=4&transport=websocket"
_FANS_OUT = frozenset({"fan_out", "connects", "idle_memory"})


def _missing_module(name: str, package: str) -> str:
    return "" if importlib.util.find_spec(name) else f"PyPI {package} is not installed"


def _missing_node() -> str:
    if not shutil.which("node"):
        return "node is not installed"
    return "" if (_NODE / "node_modules" / "socket.io").exists() else "run `npm ci` in bench/peers/node"


def _missing_nchan() -> str:
    if not shutil.which("nginx", path="/usr/sbin:/usr/bin"):
        return "Debian package nginx is not installed"
    return "" if _NCHAN_MODULE.exists() else "Debian package libnginx-mod-nchan is not installed"


@contextlib.contextmanager
def _run_node(folder: Path) -> Iterator[Server]:
    port = free_port()
    publish_path = f"{_SOCKETIO_PATH}&role=publisher"
    target = Target("socket.io", "127.0.0.1", port, _SOCKETIO_PATH, publish_path=publish_path)
    log = folder / "server.log"
    with pinned_server(["node", "server.js", str(port)], port, folder=_NODE, log=log) as pid:
        yield Server(ProcessTree(pid), target)


@contextlib.contextmanager
def _run_nchan(folder: Path) -> Iterator[Server]:
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(_nchan_configuration(folder, port))
    target = Target("nchan", "127.0.0.1", port, "/subscribe?id={channel}", publish_path="/publish")
    argv = ["/usr/sbin/nginx", "-p", str(folder), "-c", str(configuration)]
    with pinned_server(argv, port, folder=folder, log=folder / "server.log") as pid:
        yield Server(ProcessTree(pid), target)


def _nchan_configuration(folder: Path, port: int) -> str:
    text = (_PEERS / "nchan.conf").read_text()
    values = {
        "module": str(_NCHAN_MODULE),
        "folder": str(folder),
        "port": str(port),
        "open_files": str(raise_open_files_limit()),
    }
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


PEERS = [
    Subject(
        WEBSOCKETS,
        _FANS_OUT,
        lambda folder: run_module("bench.peers.broadcast_server", "broadcast", "/", folder, publish_path="/publish"),
        partial(_missing_module, "websockets", "websockets"),
    ),
    Subject(
        PYTHON_SOCKETIO,
        _FANS_OUT,
        lambda folder: run_module(
            "bench.peers.socketio_server",
            "socket.io",
            _SOCKETIO_PATH,
            folder,
            publish_path=f"{_SOCKETIO_PATH}&role=publisher",
        ),
        partial(_missing_module, "socketio", "python-socketio"),
    ),
    Subject(NODE_SOCKETIO, _FANS_OUT, _run_node, _missing_node),
    Subject(NCHAN, _FANS_OUT | {"http_publish"}, _run_nchan, _missing_nchan),
]
