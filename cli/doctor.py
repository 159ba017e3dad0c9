"""`syncline doctor`: is this machine fit to run a server, and if not, what to do."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from cli.check import Check, Status
from cli.configuration import (
    AllowUnknownOption,
    ConfigChoice,
    ConfigOption,
    DataDirOption,
    DevOption,
    config_choice,
    load_with,
)
from cli.database_check import check_database
from cli.redis_check import check_redis
from cli.relay_check import check_relay
from cli.telemetry_check import check_telemetry

if TYPE_CHECKING:
    from settings.dev_secrets import DevSecrets
    from settings.model import Settings

MIN_PYTHON: Final = (3, 11)
WANTED_FILES: Final = 65_536
"""Each connection holds one descriptor; the usual 1,024 are gone at about a thousand clients."""
MIN_FILES: Final = 1024
WANTED_BACKLOG: Final = 4096
"""The backlog the server asks for; the kernel cuts it to somaxconn without a word."""
SOMAXCONN: Final = Path("/proc/sys/net/core/somaxconn")


def doctor(
    config: ConfigOption = None,
    dev: DevOption = False,
    data_dir: DataDirOption = None,
    allow_unknown: AllowUnknownOption = False,
) -> None:
    """Look at machine and configuration; exit with 1 when something would keep a server from running."""
    choice = config_choice(config, dev, data_dir, allow_unknown)
    checks = list(examine(choice))
    for check in checks:
        typer.echo(str(check))
    raise typer.Exit(any(check.status is Status.FAIL for check in checks))


def examine(choice: ConfigChoice) -> Iterator[Check]:
    for check in _MACHINE_CHECKS:
        yield check()
    yield check_data_dir(choice.data_dir)
    yield from check_configuration(choice)


def check_python() -> Check:
    subject = f"Python {platform.python_version()}"
    if sys.version_info < MIN_PYTHON:
        return Check(Status.FAIL, subject, "3.11 or newer is needed")
    return Check(Status.OK, subject)


def check_aiohttp_extensions() -> Check:
    from importlib.util import find_spec

    missing = [name for name in ("aiohttp._websocket.reader_c", "aiohttp._http_parser") if find_spec(name) is None]
    if missing:
        advice = f"{', '.join(missing)} missing: several times slower; install a binary wheel of aiohttp"
        return Check(Status.WARN, "aiohttp's C extensions", advice)
    return Check(Status.OK, "aiohttp's C extensions")


def check_uvloop() -> Check:
    from importlib.util import find_spec

    if find_spec("uvloop") is None:
        return Check(Status.WARN, "uvloop", "not installed, asyncio's own loop is used; install syncline[speed]")
    return Check(Status.OK, "uvloop")


def check_file_limit() -> Check:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    subject = f"open files: {_limit(soft)}"
    if soft != resource.RLIM_INFINITY and soft < WANTED_FILES:
        status = Status.FAIL if soft < MIN_FILES else Status.WARN
        advice = f"raise to {WANTED_FILES} (ulimit -n, LimitNOFILE=): one per connection; up to {_limit(hard)} here"
        return Check(status, subject, advice)
    return Check(Status.OK, subject)


def check_backlog(somaxconn: Path = SOMAXCONN) -> Check:
    try:
        value = int(somaxconn.read_text())
    except (OSError, ValueError):
        return Check(Status.WARN, "somaxconn", f"cannot be read; it should be {WANTED_BACKLOG} or more")
    if value < WANTED_BACKLOG:
        advice = f"raise to {WANTED_BACKLOG} (sysctl net.core.somaxconn), or a reconnect storm is refused"
        return Check(Status.WARN, f"somaxconn: {value}", advice)
    return Check(Status.OK, f"somaxconn: {value}")


def check_data_dir(data_dir: Path) -> Check:
    """Whether files can be made in it, or it can be made itself."""
    subject = f"data directory {data_dir}"
    if data_dir.exists() and not data_dir.is_dir():
        return Check(Status.FAIL, subject, "is not a directory")
    existing = next(path for path in (data_dir, *data_dir.absolute().parents) if path.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        return Check(Status.FAIL, subject, f"{existing} cannot be written; change its owner, or use --data-dir")
    return Check(Status.OK, subject)


def check_configuration(choice: ConfigChoice) -> Iterator[Check]:
    """Every problem and warning of the configuration and, when it is sound, the ports and servers it names."""
    from settings.problems import SettingsError

    try:
        loaded = load_with(choice, _stand_in_secrets(choice))
    except SettingsError as exc:
        for problem in exc.problems:
            yield Check(Status.FAIL, "configuration", str(problem))
        return
    for warning in loaded.warnings:
        yield Check(Status.WARN, "configuration", str(warning))
    yield Check(Status.OK, "configuration")
    yield from check_ports(loaded.settings)
    checks = (check_database(loaded.settings, choice.data_dir), check_redis(loaded.settings))
    yield from filter(None, checks)
    yield from check_relay(loaded.settings)
    yield from check_telemetry(loaded.settings)


def check_ports(settings: Settings) -> Iterator[Check]:
    from settings.views import edge_config

    listen = edge_config(settings).listen
    for address, port in ((listen.address, listen.port), (listen.internal_address, listen.internal_port)):
        if port:
            yield check_port(address, port)


def check_port(address: str, port: int) -> Check:
    """Whether a server could listen there now."""
    subject = f"port {port}" + (f" on {address}" if address else "")
    try:
        _bind(address, port)
    except OSError as exc:
        return Check(Status.FAIL, subject, f"{exc.strerror or exc}; is a server running? choose another with --port")
    return Check(Status.OK, subject)


def _stand_in_secrets(choice: ConfigChoice) -> DevSecrets | None:
    """Those that the server would have, where it has run before; else some for looking only, written nowhere."""
    from settings.dev_secrets import FILE_NAME, load_dev_secrets, new_dev_secrets

    if not choice.is_dev:
        return None
    path = choice.data_dir / FILE_NAME
    return load_dev_secrets(choice.data_dir) if path.exists() else new_dev_secrets(path)


def _bind(address: str, port: int) -> None:
    import socket

    flags = socket.AI_PASSIVE
    for family, kind, protocol, _, target in socket.getaddrinfo(
        address or None, port, type=socket.SOCK_STREAM, flags=flags
    ):
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(target)


def _limit(value: int) -> str:
    import resource

    return "unlimited" if value == resource.RLIM_INFINITY else str(value)


_MACHINE_CHECKS: Final[tuple[Callable[[], Check], ...]] = (
    check_python,
    check_aiohttp_extensions,
    check_uvloop,
    check_file_limit,
    check_backlog,
)
