"""A node of Syncline, with any sections in its configuration."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from bench.generator import ROOT
from bench.load.target import Target
from bench.pinned import SERVER_CORE, free_port, pinned_server
from bench.subjects.centrifuge import API_KEY, configuration

_UNLIMITED = 1_000_000

WITH_ACCOUNTS: Mapping[str, object] = {
    "accounts": {
        "enabled": True,
        "secret_key": "bench-secret-of-no-value-outside-the-bench",
        "access_token_ttl": "1h",
        # What a password costs is not measured here, and hundreds of devices log in before what is.
        "password": {"memory_kib": 64, "iterations": 1},
        "throttle": {"register_address": {"burst": _UNLIMITED}},
    },
    "rest": {"address_rate_limit": 0, "user_rate_limit": 0},
    "state": {"mutation_rate_limit": 0},
}


@contextlib.contextmanager
def running_node(
    folder: Path,
    sections: Mapping[str, object],
    *,
    client: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Sequence[str] = (),
    cores: Sequence[int] = (SERVER_CORE,),
) -> Iterator[tuple[int, Target]]:
    """Its pid, and where it is. It keeps its files in `folder`, which two nodes cannot share.

    Args:
        client: options of the section `client`, beside those of every server here.
    """
    folder.mkdir(exist_ok=True)
    port, file = free_port(), folder / "config.json"
    file.write_bytes(
        msgspec.json.encode({**configuration(port, {"command_rate_limit": 0, **(client or {})}), **sections})
    )
    argv = [sys.executable, "main.py", "serve", "--config", str(file), "--data-dir", str(folder / "data"), *flags]
    target = Target(
        "centrifuge",
        "127.0.0.1",
        port,
        "/connection/websocket",
        publish_path="/api",
        publish_headers={"X-API-Key": API_KEY},
    )
    log = folder / "server.log"
    with pinned_server(argv, port, folder=ROOT, log=log, environment=environment, cores=cores) as pid:
        yield pid, target
