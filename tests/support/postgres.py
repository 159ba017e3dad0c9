"""A PostgreSQL server of our own, which can be stopped, frozen and changed like a real one that fails.

It lives in a temporary directory and listens on a loopback port. `initdb` and the server refuse to run as root: as
root, they run as the system's `postgres`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from tests.support.patience import PATIENCE_S, eventually
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SUPERUSER: Final = "postgres"

APP_USER: Final = "syncline"
"""No superuser: it cannot take the connections that are kept for one."""

_SETTINGS: Final = {
    "listen_addresses": "'127.0.0.1'",
    "max_connections": "100",
    "shared_buffers": "'16MB'",
    "log_line_prefix": "'%m %a '",
}

_FORGETFUL: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""Three times quicker, and of no use where it is killed."""

_READY_LINE: Final = 7
"""The line of postmaster.pid that says "ready" once connections are taken."""


def binary(name: str) -> str:
    """Where a program of PostgreSQL is: the newest in Debian's place, else the one on the path.

    Raises:
        FileNotFoundError: a test without its service fails; it is never skipped.
    """
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    found = str(debian[-1]) if debian else shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} of PostgreSQL: run scripts/setup-test-services")
    return found


class PostgresServer:
    """One server, stopped at first. It ends with the thread that started it, so that none outlives its tests.

    Args:
        directory: empty, and for this server alone.
        settings: lines of postgresql.conf.
    """

    def __init__(self, directory: Path, *, is_durable: bool = True, settings: Mapping[str, str] | None = None) -> None:
        self.port = free_port()
        self.directory = directory
        self._data = directory / "data"
        self._settings = {**_SETTINGS, **({} if is_durable else _FORGETFUL), **(settings or {})}
        self._settings["unix_socket_directories"] = f"'{directory}'"
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres", user: str = APP_USER) -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text(errors="replace")

    def create(self) -> None:
        """Make the cluster."""
        shutil.chown(self.directory, server_user(), server_user())
        command = [binary("initdb"), "-D", str(self._data), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run([*as_server_user(), *command, "--locale=C"], check=True, stdout=subprocess.DEVNULL, cwd="/")
        with (self._data / "postgresql.conf").open("a") as file:
            file.write("\ninclude '../settings.conf'\n")
        self._write_settings()

    def start(self) -> None:
        """Begin to start; see `ready`."""
        command = [binary("postgres"), "-D", str(self._data), "-p", str(self.port)]
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*as_server_user("--pdeathsig", "QUIT"), *command],
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
            )

    def is_ready(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"the server has ended:\n{self.log[-4000:]}")
        with suppress(FileNotFoundError):
            lines = (self._data / "postmaster.pid").read_text().splitlines()
            is_ours = lines[:1] == [str(self._process.pid)]
            return is_ours and len(lines) > _READY_LINE and lines[_READY_LINE].strip() == "ready"
        return False

    async def ready(self) -> None:
        """Wait until it takes connections."""
        await eventually(self.is_ready)

    def wait_until_ready(self) -> None:
        """The same where no loop runs."""
        give_up_at_s = time.monotonic() + PATIENCE_S
        while not self.is_ready():
            if time.monotonic() > give_up_at_s:
                raise RuntimeError(f"the server did not start:\n{self.log[-4000:]}")
            time.sleep(0.01)

    def stop(self) -> None:
        """End it at once, without a last checkpoint; the next start recovers."""
        if self._process is not None and self._process.poll() is None:
            self.resume()
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()

    def kill(self) -> None:
        """SIGKILL for every process of it, as when the machine goes."""
        assert self._process is not None
        processes = self._processes()
        _signal_all(processes, signal.SIGSTOP)  # or the first to go would start new ones
        _signal_all(processes, signal.SIGKILL)
        self._process.wait()

    def pause(self) -> None:
        """Freeze every process: connections stay open, and nobody answers."""
        _signal_all(self._processes(), signal.SIGSTOP)

    def resume(self) -> None:
        _signal_all(self._processes(), signal.SIGCONT)

    def set(self, name: str, value: str) -> None:
        """Change a setting. Connections see it a little later; some settings want a restart."""
        self._settings[name] = value
        self._write_settings()
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGHUP)

    async def execute(self, sql: str, *values: object, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement as superuser."""
        connection = await asyncpg.connect(self.url(database, SUPERUSER), timeout=PATIENCE_S)
        try:
            return [tuple(row) for row in await connection.fetch(sql, *values)]
        finally:
            await connection.close()

    def psql(self, *statements: str) -> None:
        """Run statements as superuser where no loop runs, each in a transaction of its own."""
        commands = [argument for statement in statements for argument in ("-c", statement)]
        address = ["-h", "127.0.0.1", "-p", str(self.port), "-U", SUPERUSER, "-d", "postgres"]
        subprocess.run([binary("psql"), "-X", "-q", *address, *commands], check=True)

    def create_database(self, name: str, template: str = "template1") -> str:
        """A new database of the application's user; its URL."""
        self.psql(f"CREATE DATABASE {name} OWNER {APP_USER} TEMPLATE {template}")
        return self.url(name)

    def drop_database(self, name: str) -> None:
        self.psql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _processes(self) -> list[int]:
        """The server and its children, the server first."""
        assert self._process is not None
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def _write_settings(self) -> None:
        lines = (f"{name} = {value}\n" for name, value in self._settings.items())
        file = self.directory / "settings.conf"
        file.write_text("".join(lines))
        shutil.chown(file, server_user(), server_user())


@contextmanager
def postgres_server(*, is_durable: bool = True, settings: Mapping[str, str] | None = None) -> Iterator[PostgresServer]:
    """A server that takes connections, with the role APP_USER; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="syncline-pg-") as directory:
        server = PostgresServer(Path(directory), is_durable=is_durable, settings=settings)
        server.create()
        server.start()
        try:
            server.wait_until_ready()
            server.psql(f"CREATE ROLE {APP_USER} LOGIN")
            yield server
        finally:
            server.stop()


def server_user() -> str:
    """The user it runs as: ourselves, unless we are root."""
    return pwd.getpwuid(os.geteuid()).pw_name if os.geteuid() else "postgres"


def as_server_user(*options: str) -> list[str]:
    drop = [f"--reuid={server_user()}", f"--regid={server_user()}", "--init-groups"] if not os.geteuid() else []
    return ["setpriv", *drop, *options, "--"] if drop or options else []


def _signal_all(processes: list[int], number: signal.Signals) -> None:
    for pid in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
