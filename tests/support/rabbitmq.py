"""A RabbitMQ server of our own, which can be killed, frozen and put under pressure like a real one that fails.

It shares nothing with another: directory, node name, cookie, ports, and the port mapper (epmd) are its own. It listens
on the loopback interface alone, and ends with the thread that started it.

A start takes some 5 s of a core, so one server serves a whole session: tests keep apart by the names of their queues
(`rabbitmq_names`). What needs the server in a certain state puts it back as it was.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.certificates import Authority
from tests.support.patience import PATIENCE_S, eventually
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCRIPTS: Final = Path("/usr/lib/rabbitmq/bin")

START_PATIENCE_S: Final = 6 * PATIENCE_S
"""A start, on a machine that does something else at the same time."""

_CONFIGURATION: Final = """\
loopback_users = none
vm_memory_high_watermark.relative = 0.6
disk_free_limit.absolute = 10MB
log.console = false
log.file.level = info
listeners.ssl.default = 127.0.0.1:{tls_port}
ssl_options.cacertfile = {ca}
ssl_options.certfile = {cert}
ssl_options.keyfile = {key}
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = false
"""


def _binary(path: Path | str) -> str:
    """Where a program is.

    Raises:
        FileNotFoundError: a test without its service fails; it is never skipped.
    """
    found = shutil.which(path)
    if found is None:
        raise FileNotFoundError(f"{path}: run scripts/setup-test-services")
    return found


class RabbitServer:
    """One broker, stopped at first.

    Attributes:
        tls_port: the same with TLS, for `localhost` alone.
        authority: signs its certificate, and those of clients that it believes.

    Args:
        directory: empty, and for this server alone.
    """

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.tls_port = free_port()
        self.directory = directory
        self.authority = Authority(directory)
        self._epmd_port = free_port()
        self._dist_port = free_port()
        self._node = f"syncline{self.port}@localhost"
        self._cookie = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self.url_at(self.port)

    def url_at(self, port: int) -> str:
        """The URL through a proxy on that port."""
        return f"amqp://guest:guest@127.0.0.1:{port}/"

    @property
    def log(self) -> str:
        return "".join(file.read_text(errors="replace") for file in sorted(self.directory.glob("log/*.log")))

    def create(self) -> None:
        """Write what it is configured by, and start its port mapper."""
        cookie = self.directory / ".erlang.cookie"
        cookie.write_text(self._cookie)
        cookie.chmod(0o400)
        own = self.authority.issue("localhost")
        files = {"ca": self.authority.cert, "cert": own.cert, "key": own.key}
        (self.directory / "rabbitmq.conf").write_text(_CONFIGURATION.format(tls_port=self.tls_port, **files))
        (self.directory / "enabled_plugins").write_text("[].")
        self._epmd = subprocess.Popen(
            [*_AS_CHILD, _binary("epmd"), "-port", str(self._epmd_port), "-address", "127.0.0.1"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self._environment(),
        )

    def start(self) -> None:
        """Begin to start; see `ready`."""
        with (self.directory / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [*_AS_CHILD, _binary(_SCRIPTS / "rabbitmq-server")],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env=self._environment(),
                cwd=self.directory,
            )

    def is_ready(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            output = (self.directory / "output").read_text(errors="replace")
            raise RuntimeError(f"the broker has ended:\n{output[-2000:]}{self.log[-2000:]}")
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    async def ready(self) -> None:
        """Wait until it takes connections."""
        await eventually(self.is_ready, START_PATIENCE_S)

    def wait_until_ready(self) -> None:
        """The same where no loop runs."""
        give_up_at_s = time.monotonic() + START_PATIENCE_S
        while not self.is_ready():
            if time.monotonic() > give_up_at_s:
                raise RuntimeError(f"the broker did not start:\n{self.log[-4000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL for every process of it, as when the machine goes. What it had confirmed is on the disk."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def pause(self) -> None:
        """Freeze it: connections stay open, and nobody answers."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGCONT)

    def close(self) -> None:
        """End server and port mapper for good."""
        self.kill()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()

    async def evaluate(self, expression: str) -> str:
        """What an Erlang expression comes to inside the broker. In milliseconds, where rabbitmqctl takes a second."""
        process = await asyncio.create_subprocess_exec(
            *(_binary("erl_call"), "-sname", self._node, "-c", self._cookie, "-e"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment(),
        )
        answer, complaint = await process.communicate(f"{expression}.\n".encode())
        if process.returncode or not answer.startswith(b"{ok, "):
            raise RuntimeError(f"{expression}: {complaint.decode()}{answer.decode()}")
        return answer.decode().removeprefix("{ok, ").removesuffix("}")

    async def ctl(self, *arguments: str) -> str:
        """rabbitmqctl, which takes part of a second, or a few when the machine is busy."""
        process = await asyncio.create_subprocess_exec(
            *(_binary(_SCRIPTS / "rabbitmqctl"), "-q", "-n", self._node, *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._environment(),
        )
        answer, _ = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"rabbitmqctl {' '.join(arguments)}: {answer.decode()}")
        return answer.decode()

    async def raise_memory_alarm(self) -> None:
        """Take no more publications: their connections are blocked."""
        await self.evaluate("rabbit_alarm:set_alarm({{resource_limit, memory, node()}, []})")

    async def clear_memory_alarm(self) -> None:
        await self.evaluate("rabbit_alarm:clear_alarm({resource_limit, memory, node()})")

    async def close_all_connections(self, reason: str = "by the operator") -> None:
        await self.evaluate(f'rabbit_networking:close_all_connections("{reason}")')

    async def delete_queue(self, queue: str) -> None:
        name = f'rabbit_misc:r(<<"/">>, queue, <<"{queue}">>)'
        deletion = 'rabbit_amqqueue:delete(Q, false, false, <<"test">>)'
        await self.evaluate(f"{{ok, Q}} = rabbit_amqqueue:lookup({name}), {deletion}")

    async def age_queues(self) -> None:
        """Make new quorum queues as good as old ones: for their first 3 s the broker knows their names by heart only,
        and one that is killed has an empty log and no leader for ever after."""
        await self.evaluate("[dets:sync(Table) || Table <- dets:all()]")

    async def stop_app(self) -> None:
        """Stop the broker in good order inside its virtual machine."""
        await self.ctl("stop_app")

    async def start_app(self) -> None:
        await self.ctl("start_app")

    def _environment(self) -> dict[str, str]:
        home = self.directory
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self._node,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_CONF_ENV_FILE": str(home / "no-such-file"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(home / "data"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(home / "generated"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +A 4 -kernel inet_dist_use_interface {127,0,0,1}",
            "RUNNING_UNDER_SYSTEMD": "true",  # the script becomes the server, with nothing in between
        }


_AS_CHILD: Final = ("setpriv", "--pdeathsig", "KILL", "--")


class RabbitNames:
    """Names of queues and exchanges that no other test uses."""

    def __init__(self) -> None:
        self._mark = secrets.token_hex(4)

    def __call__(self, name: str) -> str:
        return f"{name}.{self._mark}"


@contextmanager
def rabbit_server() -> Iterator[RabbitServer]:
    """A broker that takes connections; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="syncline-mq-", ignore_cleanup_errors=True) as directory:
        server = RabbitServer(Path(directory))
        server.create()
        try:
            server.start()
            server.wait_until_ready()
            yield server
        finally:
            server.close()


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitServer]:
    """One broker for everybody. Whoever harms it heals it."""
    with rabbit_server() as server:
        yield server


@pytest.fixture
def rabbitmq_names() -> RabbitNames:
    return RabbitNames()
