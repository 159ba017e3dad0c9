"""The nodes' configuration: private channels whose history holds a whole run, and short deadlines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.e2e.devices import platform
from tests.support.postgres import APP_USER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.server import Config

NAMESPACE = "private"

EXCHANGE = "lab"

QUEUE = "lab.events"

ROUTE = {"channels": [NAMESPACE + ":#{data.user}"]}

PRIVATE: dict[str, Any] = {
    "name": NAMESPACE,
    "allow_user_limited_channels": True,
    "force_positioning": True,
    "force_recovery": True,
    "history_size": 100_000,
    "history_ttl": "3600s",
}


def channel_of(user: str) -> str:
    """The channel that is this user's alone."""
    return f"{NAMESPACE}:#{user}"


def node_config(name: str, ports: Mapping[str, int]) -> Config:
    """Of one node, which reaches its services at `ports`."""
    config: Config = {
        "node": {"name": name},
        "client": {
            "ping_interval": "2s",
            "pong_timeout": "1500ms",
            "recovery_max_publication_limit": 0,
            "channel_position_check_delay": "1s",
        },
        "channel": {"namespaces": [PRIVATE]},
        "events": {"enabled": True, "routes": [ROUTE]},
        "shutdown": {"drain_window": "0s"},
    }
    for service, port in ports.items():
        config |= _SECTIONS[service](port, config)
    return config


def _redis(port: int, _config: Config) -> Config:
    return {"engine": {"type": "redis", "redis": {"address": [f"127.0.0.1:{port}"]}}}


def _postgres(port: int, config: Config) -> Config:
    return platform(**config | {"database": {"url": f"postgresql://{APP_USER}@127.0.0.1:{port}/syncline"}})


def _rabbitmq(port: int, _config: Config) -> Config:
    source = {"url": [f"amqp://guest:guest@127.0.0.1:{port}/"], "queue": QUEUE, "exchange": EXCHANGE}
    return {"consumers": [{"name": "lab", "type": "rabbitmq", "rabbitmq": source, "routes": [ROUTE]}]}


_SECTIONS = {"redis": _redis, "postgres": _postgres, "rabbitmq": _rabbitmq}
