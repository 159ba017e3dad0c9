"""A RabbitMQ broker of the bench's own, with a port mapper of its own: it shares nothing with the machine's."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.pinned import GENERATOR_CORE, free_port, pinned_server
from bench.process_tree import ProcessGone, ProcessTree

_SCRIPT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""Debian's: the one on the path wants to become the account of the system's own broker."""

_CALM = "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none"
"""One core is all it has; by default its schedulers spin while they wait, on a core that others need."""


@dataclass(frozen=True)
class RabbitMq:
    pid: int
    url: str


def missing_rabbitmq() -> str:
    return "" if _SCRIPT.exists() and shutil.which("epmd") else "Debian package rabbitmq-server is not installed"


@contextlib.contextmanager
def running_rabbitmq(cores: Sequence[int] = (GENERATOR_CORE,)) -> Iterator[RabbitMq]:
    """Empty, on loopback, on the generator's core unless others are given; gone with its data at the end."""
    with tempfile.TemporaryDirectory(prefix="bench-rabbitmq-") as folder, contextlib.ExitStack() as stack:
        home, mapper_port, port = Path(folder), free_port(), free_port()
        mapper = ["epmd", "-port", str(mapper_port), "-address", "127.0.0.1"]
        stack.enter_context(pinned_server(mapper, mapper_port, folder=home, log=home / "epmd.log", cores=cores))
        environment, log = _environment(home, mapper_port, port), home / "server.log"
        pid = stack.enter_context(
            pinned_server([str(_SCRIPT)], port, folder=home, log=log, environment=environment, cores=cores)
        )
        stack.callback(_end_at_once, ProcessTree(pid))  # its data is of no value, and an orderly end takes seconds
        yield RabbitMq(pid, f"amqp://guest:guest@127.0.0.1:{port}/")


def _environment(home: Path, mapper_port: int, port: int) -> dict[str, str]:
    (home / "plugins").write_text("[].\n")
    (home / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{port}\n")
    return {
        "HOME": str(home),  # where the cookie is
        "ERL_EPMD_PORT": str(mapper_port),
        "RABBITMQ_NODENAME": "bench@localhost",
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_MNESIA_BASE": str(home / "data"),
        "RABBITMQ_LOG_BASE": str(home),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
        "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(home / "none"),
        "RABBITMQ_CONF_ENV_FILE": str(home / "none"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _CALM,
    }


def _end_at_once(broker: ProcessTree) -> None:
    """The script, the virtual machine it started, and what that started."""
    with contextlib.suppress(ProcessGone):
        for pid in broker.members():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
