"""A PgBouncer in transaction mode before a server: what many installations put there."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import asyncpg

from tests.support.patience import PATIENCE_S, eventually
from tests.support.ports import free_port
from tests.support.postgres import APP_USER, as_server_user, server_user

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.postgres import PostgresServer

SERVER_CONNECTIONS: Final = 3
"""Fewer than a storage opens: units of different callers take turns on one."""

_CONFIGURATION: Final = """
[databases]
* = host=127.0.0.1 port={server_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {directory}/users
pool_mode = transaction
default_pool_size = {server_connections}
"""


@asynccontextmanager
async def pgbouncer_before(server: PostgresServer, database: str) -> AsyncIterator[str]:
    """The URL of the database by way of PgBouncer."""
    port = free_port()
    url = f"postgresql://{APP_USER}@127.0.0.1:{port}/{database}"
    with tempfile.TemporaryDirectory(prefix="syncline-pgbouncer-") as directory:
        process = _start(Path(directory), server.port, port)
        try:
            await eventually(lambda: _answers(url))
            yield url
        finally:
            process.terminate()
            process.wait()


def _start(directory: Path, server_port: int, port: int) -> subprocess.Popen[bytes]:
    program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
    (directory / "users").write_text(f'"{APP_USER}" ""\n')
    (directory / "configuration").write_text(
        _CONFIGURATION.format(
            server_port=server_port, port=port, directory=directory, server_connections=SERVER_CONNECTIONS
        )
    )
    for path in (directory, *directory.iterdir()):
        shutil.chown(path, server_user())
    return subprocess.Popen(
        [*as_server_user("--pdeathsig", "KILL"), program, "--quiet", str(directory / "configuration")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
    )


async def _answers(url: str) -> bool:
    try:
        connection = await asyncpg.connect(url, timeout=PATIENCE_S)
    except (OSError, asyncpg.PostgresError):
        return False
    await connection.close()
    return True
