"""Child processes bound to one core: the server under test to one, the generator to the other."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

SERVER_CORE = 0
GENERATOR_CORE = 1

_START_LIMIT_S = 30.0
_STOP_LIMIT_S = 10.0
_POLL_S = 0.02
_LOG_TAIL_BYTES = 2000


class NotStarted(Exception):
    """The process ended, or did not listen in time; the message has the end of what it wrote."""


def raise_open_files_limit() -> int:
    """Thousands of connections, each a descriptor here and one in the server: take all that the system grants."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def all_cores() -> list[int]:
    return sorted(os.sched_getaffinity(0))


def cores_available() -> int:
    return len(all_cores())


def spread_cores() -> list[int]:
    """Those of a server that takes more than one: without the generator's, where there are more than two."""
    cores = all_cores()
    return [core for core in cores if core != GENERATOR_CORE] if len(cores) > 2 else cores


@contextlib.contextmanager
def bound_to(*cores: int) -> Iterator[None]:
    """Run the block on these cores; a process started in it stays there with all its threads."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def pinned_server(
    argv: Sequence[str],
    port: int,
    *,
    folder: Path,
    log: Path,
    environment: Mapping[str, str] | None = None,
    account: str | None = None,
    cores: Sequence[int] = (SERVER_CORE,),
) -> Iterator[int]:
    """Start on the server core, wait until the port accepts, give the pid; terminate at the end.

    Args:
        environment: added to ours.
        account: whom to run it as, when not as ourselves.
        cores: others than the server's, for what works beside it or takes several.

    Raises:
        NotStarted: it ended, or the port did not open in time.
    """
    with log.open("wb") as output, bound_to(*cores):
        process = subprocess.Popen(
            argv,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **(environment or {})},
            user=account,
        )
    try:
        _await_port(process, port, log)
        yield process.pid
    finally:
        stop(process)


@contextlib.contextmanager
def pinned_pipe(argv: Sequence[str], *, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start on the generator core with pipes on standard input and output."""
    with bound_to(GENERATOR_CORE):
        process = subprocess.Popen(argv, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        _close(process.stdin)
        stop(process)
        _close(process.stdout)


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise NotStarted(f"ended with {process.returncode}: {_tail(log)}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(_POLL_S)
    raise NotStarted(f"port {port} not open after {_START_LIMIT_S:.0f} s: {_tail(log)}")


def _tail(log: Path) -> str:
    return log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace").strip()


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        with contextlib.suppress(BrokenPipeError):
            pipe.close()
