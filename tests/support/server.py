"""A node as it is run: `python main.py serve` in a process of its own, for foreign clients, signals and restarts."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from tests.support.api_client import API_KEY, APIClient
from tests.support.canary import LOG_FILES
from tests.support.patience import PATIENCE_S, eventually
from tests.support.ports import free_port
from tests.support.tokens import SECRET

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

ROOT = Path(__file__).parents[2]

HOST = "127.0.0.1"

NOTED_LOG_BYTES = 8_000
"""How much of a node's log a failure shows."""

Config = dict[str, Any]


class NodeProcess:
    """One `serve` process. Its log is in `log`.

    Attributes:
        api: the server HTTP API with the right key; unusable on a development node, whose key is its own.
    """

    def __init__(self, process: asyncio.subprocess.Process, port: int, log_file: Path) -> None:
        self.process = process
        self.port = port
        self.http_url = f"http://{HOST}:{port}"
        self.ws_url = f"ws://{HOST}:{port}/connection/websocket"
        self.api = APIClient(self.http_url, API_KEY)
        self._log_file = log_file

    @property
    def log(self) -> str:
        """Everything that this node has written, and every other one that wrote to the same file."""
        return self._log_file.read_text(encoding="utf-8", errors="replace")

    async def readiness(self) -> int | None:
        """The status of /readyz; None while nobody answers."""
        try:
            return (await self.api.request("GET", "/readyz")).status
        except (aiohttp.ClientError, TimeoutError):
            return None

    async def ready(self) -> None:
        """Wait until it can serve."""
        await eventually(self._is_ready)

    def terminate(self) -> None:
        """Ask it to drain and end."""
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it without a word."""
        self.process.kill()

    async def ended(self, within_s: float = PATIENCE_S) -> int:
        """Wait for its end; the exit code, or the signal's number below zero."""
        async with asyncio.timeout(within_s):
            return await self.process.wait()

    async def _is_ready(self) -> bool:
        if self.process.returncode is not None:
            raise RuntimeError(f"the node ended with {self.process.returncode}:\n{self.log}")
        return await self.readiness() == 200


async def start_node(
    config: Config,
    directory: Path,
    *,
    port: int,
    dev: bool = False,
    env: Mapping[str, str] | None = None,
    flags: Sequence[str] = (),
) -> NodeProcess:
    """Start a node that listens on `port` and keeps everything it has, log included, in `directory`.

    Args:
        flags: of `serve`, beside those.
    """
    config_file = directory / "config.json"
    config_file.write_text(json.dumps(config))
    arguments = ["serve", "--config", str(config_file), "--data-dir", str(directory / "data"), "--port", str(port)]
    log_file = directory / "node.log"
    LOG_FILES.watch(log_file, directory / "data")
    with log_file.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *("setpriv", "--pdeathsig", "KILL", "--", sys.executable),  # none outlives its tests
            str(ROOT / "main.py"),
            *arguments,
            *(["--dev"] if dev else []),
            *flags,
            env={**os.environ, **(env or {})},
            stdout=log,
            stderr=log,
        )
    return NodeProcess(process, port, log_file)


@asynccontextmanager
async def running_server(
    config: Config | None = None,
    *,
    dev: bool = False,
    data_dir: Path | None = None,
    port: int | None = None,
    env: Mapping[str, str] | None = None,
    flags: Sequence[str] = (),
) -> AsyncIterator[NodeProcess]:
    """A node that is ready, and gone afterwards. A failure inside shows the end of its log.

    Outside of development, the node knows SECRET and API_KEY unless `config` says something else.

    Args:
        data_dir: where it keeps what it has, data and log; a temporary directory when not given.
    """
    with tempfile.TemporaryDirectory() as temporary:
        known = (config or {}) if dev else with_secrets(config or {})
        node = await start_node(
            known, data_dir or Path(temporary), port=port or free_port(), dev=dev, env=env, flags=flags
        )
        try:
            await node.ready()
            yield node
        except BaseException as exc:
            exc.add_note(f"log of the node:\n{node.log[-NOTED_LOG_BYTES:]}")
            raise
        finally:
            await stop(node)


async def stop(node: NodeProcess) -> None:
    """Make sure that it is gone, and has logged no secret."""
    if node.process.returncode is None:
        node.kill()
    await node.process.wait()
    LOG_FILES.check()


def with_secrets(config: Config) -> Config:
    """The same configuration, with the secrets that tests know where it has none."""
    client: Config = {"token": {"hmac_secret_key": SECRET}, **config.get("client", {})}
    return {**config, "client": client, "http_api": {"key": API_KEY, **config.get("http_api", {})}}
