"""A Redis server of our own, which can be stopped, frozen and changed like a real one that fails.

It lives in a temporary directory and listens on a loopback port. Nothing is written to disk, unless it is durable.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support.patience import PATIENCE_S, eventually
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

HOST: Final = "127.0.0.1"

_SETTINGS: Final = {
    "bind": HOST,
    "protected-mode": "no",
    "save": '""',
    "appendonly": "no",
    "databases": "4",
    "enable-debug-command": "yes",
}

_DURABLE: Final = {"appendonly": "yes", "appendfsync": "always"}

_ADMIN_TIMEOUT_S: Final = 5


def binary(name: str) -> str:
    """Where a program of Redis is.

    Raises:
        FileNotFoundError: a test without its service fails; it is never skipped.
    """
    found = shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name}: run scripts/setup-test-services")
    return found


class RedisServer:
    """One server, stopped at first. It ends with the thread that started it, so that none outlives its tests.

    Args:
        directory: empty, and for this server alone.
        is_durable: every write reaches the disk before its reply (an append-only file); else a restart forgets all.
        settings: lines of redis.conf, over ours. With `tls-cert-file` it listens with TLS alone.
        password: of the default user, for `execute`.
    """

    program = "redis-server"

    def __init__(
        self,
        directory: Path,
        *,
        is_durable: bool = False,
        settings: Mapping[str, str] | None = None,
        password: str = "",
    ) -> None:
        self.host = HOST
        self.port = free_port()
        self.directory = directory
        self.password = password
        self.settings = {**_SETTINGS, **(_DURABLE if is_durable else {}), **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"redis://{self.address}"

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text(errors="replace")

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    # --- its life ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to start; see `ready`."""
        config = self.directory / "redis.conf"
        if not config.exists():
            config.write_text(self._configuration())
        command = ["setpriv", "--pdeathsig", "KILL", "--", binary(self.program), str(config)]
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, cwd=self.directory
            )

    def is_ready(self) -> bool:
        if not self.is_running:
            raise RuntimeError(f"the server has ended:\n{self.log[-4000:]}")
        with suppress(redis.ConnectionError, redis.TimeoutError):
            return bool(self.command("PING"))
        return False

    async def ready(self) -> None:
        """Wait until it answers."""
        await eventually(self.is_ready)

    def wait_until_ready(self) -> None:
        """The same where no loop runs."""
        wait_until(self.is_ready, lambda: f"the server did not start:\n{self.log[-4000:]}")

    def stop(self) -> None:
        """End it as an operator does; a durable one keeps everything."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, as when the machine goes."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Freeze it: connections stay open, new ones are even accepted by the kernel, and nobody answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    async def restart(self) -> None:
        """Stop, start on the same port, wait. What is not durable is forgotten."""
        await asyncio.to_thread(self.stop)
        self.start()
        await self.ready()

    # --- the operator's hand ----------------------------------------------------------------------------------------

    async def execute(self, *args: object, database: int = 0) -> Any:
        """Run a command on a connection of its own; text comes as str.

        Raises:
            redis.RedisError: as redis-py has them, at once: nothing is repeated.
        """
        return await asyncio.to_thread(self.command, *args, database=database)

    def command(self, *args: object, database: int = 0) -> Any:
        """`execute` where no loop runs."""
        with self._client(database) as client:
            return client.execute_command(*args)

    async def configure(self, name: str, value: str) -> None:
        """CONFIG SET; a restart forgets it."""
        await self.execute("CONFIG", "SET", name, value)

    def reset(self) -> None:
        """As new: no keys, no scripts, no connections but the admin's own."""
        self.command("FLUSHALL")
        self.command("SCRIPT", "FLUSH")

    async def kill_clients(self, kind: str) -> int:
        """Cut connections from the server's side; `kind` is "normal", "pubsub", "replica" or "master"."""
        return int(await self.execute("CLIENT", "KILL", "TYPE", kind))

    def _client(self, database: int) -> redis.Redis:
        return redis.Redis(
            host=self.host,
            port=self.port,
            db=database,
            password=self.password or self.settings.get("requirepass"),
            socket_timeout=_ADMIN_TIMEOUT_S,
            socket_connect_timeout=_ADMIN_TIMEOUT_S,
            decode_responses=True,
            retry=Retry(NoBackoff(), 0),
            single_connection_client=True,
            **self._tls(),
        )

    @property
    def _is_tls(self) -> bool:
        return "tls-cert-file" in self.settings

    def _tls(self) -> dict[str, Any]:
        """The admin shows the server's own certificate."""
        if not self._is_tls:
            return {}
        files = {"ssl_ca_certs": "tls-ca-cert-file", "ssl_certfile": "tls-cert-file", "ssl_keyfile": "tls-key-file"}
        return {"ssl": True, "ssl_check_hostname": False, **{name: self.settings[key] for name, key in files.items()}}

    def _configuration(self) -> str:
        ports = {"port": "0", "tls-port": str(self.port)} if self._is_tls else {"port": str(self.port)}
        settings = {**ports, "dir": str(self.directory), **self.settings}
        return "".join(f"{name} {value}\n" for name, value in settings.items())

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._signal(number)
            self._signal(signal.SIGCONT)
            self._process.wait()


@contextmanager
def redis_server(
    *, is_durable: bool = False, settings: Mapping[str, str] | None = None, password: str = ""
) -> Iterator[RedisServer]:
    """A server that answers; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="syncline-redis-") as directory:
        server = RedisServer(Path(directory), is_durable=is_durable, settings=settings, password=password)
        server.start()
        try:
            server.wait_until_ready()
            yield server
        finally:
            server.kill()


@contextmanager
def started(servers: Iterable[RedisServer]) -> Iterator[None]:
    """Several, which start side by side."""
    servers = list(servers)
    try:
        for server in servers:
            server.start()
        for server in servers:
            server.wait_until_ready()
        yield
    finally:
        for server in servers:
            server.kill()


def wait_until(check: Callable[[], bool], complaint: Callable[[], str]) -> None:
    """`eventually` where no loop runs."""
    give_up_at_s = time.monotonic() + PATIENCE_S
    while not check():
        if time.monotonic() > give_up_at_s:
            raise RuntimeError(complaint())
        time.sleep(0.01)
