"""Servers that speak the Centrifuge protocol: Syncline, started here, and any other, given by address and pid."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from bench.generator import ROOT
from bench.load.target import Target
from bench.pinned import SERVER_CORE, free_port, pinned_server
from bench.process_tree import ProcessTree
from bench.subjects.subject import Server, Subject

SYNCLINE = "syncline"
SCENARIOS = frozenset({"fan_out", "idle_memory", "connects", "http_publish", "commands", "slow_client"})
PRESENCE_CHANNEL = "presence:idle"

API_KEY = "bench-key-of-no-value-outside"
TOKEN_SECRET = "bench-secret-of-no-value-outside-the-bench"
_SYNCLINE_ONLY = {"command_rate_limit": 0}
"""Centrifugo has no such limit, and a measurement of commands per second would meet it."""

OPEN_TO_ALL = {
    "allow_subscribe_for_client": True,
    "allow_subscribe_for_anonymous": True,
    "allow_publish_for_client": True,
    "allow_publish_for_anonymous": True,
}


def configuration(port: int, client: Mapping[str, object]) -> dict[str, object]:
    """Centrifugo v6's names, and values that both servers take; `client` is what only one of them has."""
    return {
        "client": {
            **client,
            "token": {"hmac_secret_key": TOKEN_SECRET},
            "allow_anonymous_connect_without_token": True,
            "allowed_origins": ["*"],
            "ping_interval": "300s",
        },
        "channel": {
            "without_namespace": dict(OPEN_TO_ALL),
            "namespaces": [{"name": "presence", "presence": True, **OPEN_TO_ALL}],
        },
        "http_api": {"key": API_KEY},
        "http_server": {"address": "127.0.0.1", "port": port},
    }


@contextlib.contextmanager
def _run_from_configuration(
    argv: Sequence[str], folder: Path, *, client: Mapping[str, object] | None = None
) -> Iterator[Server]:
    """`{config}` in the command is replaced by the file, `{data}` by an empty folder."""
    port = free_port()
    file, data = folder / "config.json", folder / "data"
    file.write_bytes(msgspec.json.encode(configuration(port, client or {})))
    data.mkdir()
    command = [word.replace("{config}", str(file)).replace("{data}", str(data)) for word in argv]
    target = Target(
        "centrifuge",
        "127.0.0.1",
        port,
        "/connection/websocket",
        publish_path="/api",
        publish_headers={"X-API-Key": API_KEY},
        token_secret=TOKEN_SECRET,
    )
    with pinned_server(command, port, folder=ROOT, log=folder / "server.log") as pid:
        yield Server(ProcessTree(pid), target)


def syncline() -> Subject:
    argv = [sys.executable, "main.py", "serve", "--config", "{config}", "--data-dir", "{data}"]
    missing = "" if (ROOT / "main.py").exists() else "no main.py"
    return Subject(SYNCLINE, SCENARIOS, partial(_run_from_configuration, argv, client=_SYNCLINE_ONLY), lambda: missing)


def started_by(name: str, command: str) -> Subject:
    """Another implementation, started by the bench like Syncline and with the same file."""
    return Subject(name, SCENARIOS, partial(_run_from_configuration, shlex.split(command)))


@dataclass(frozen=True)
class Address:
    """A server that is already running."""

    url: str
    api_url: str
    api_key: str
    pid: int
    token_secret: str

    def target(self) -> Target:
        live, api = urlsplit(self.url), urlsplit(self.api_url)
        return Target(
            "centrifuge",
            live.hostname or "127.0.0.1",
            live.port or 80,
            live.path or "/connection/websocket",
            publish_port=api.port or 80,
            publish_path=api.path or "/api",
            publish_headers={"X-API-Key": self.api_key},
            token_secret=self.token_secret,
        )


def at_address(name: str, address: Address) -> Subject:
    """Bound to the server core for the time it is measured; never stopped."""

    @contextlib.contextmanager
    def launch(_: Path) -> Iterator[Server]:
        processes = ProcessTree(address.pid)
        for thread in processes.threads():
            os.sched_setaffinity(thread, {SERVER_CORE})
        yield Server(processes, address.target())

    return Subject(name, SCENARIOS, launch)
