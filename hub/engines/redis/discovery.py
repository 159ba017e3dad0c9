"""Which topology a configuration asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.engines.redis.cluster import Cluster
from hub.engines.redis.opening import credentials_of
from hub.engines.redis.sentinel import Sentinel
from hub.engines.redis.tls import ssl_context
from hub.engines.redis.topology import Standalone

if TYPE_CHECKING:
    from hub.clock import Clock
    from hub.engines.redis.config import RedisConfig, TlsConfig
    from hub.engines.redis.topology import Topology


class ConfigRefused(ValueError):
    """The configuration makes no sense: said at start-up, naming the option. Nothing else cures it."""


def choose_topology(config: RedisConfig, clock: Clock) -> Topology:
    """Connects to nothing yet.

    Raises:
        ConfigRefused: options contradict each other, or a file of TLS cannot be used.
    """
    _check(config)
    if config.is_cluster:
        return Cluster(
            config.addresses,
            credentials_of(config),
            clock,
            connect_timeout_s=config.connect_timeout_s,
            io_timeout_s=config.io_timeout_s,
        )
    if config.sentinel is not None:
        return Sentinel(
            config.sentinel, clock, connect_timeout_s=config.connect_timeout_s, io_timeout_s=config.io_timeout_s
        )
    return Standalone(config.addresses[0])


def _check(config: RedisConfig) -> None:
    for is_wrong, complaint in _complaints(config):
        if is_wrong:
            raise ConfigRefused(complaint)
    _check_tls(config.tls)
    if config.sentinel is not None:
        _check_tls(config.sentinel.tls)


def _complaints(config: RedisConfig) -> tuple[tuple[bool, str], ...]:
    sentinel = config.sentinel
    is_alone = sentinel is None and not config.is_cluster
    return (
        (config.is_cluster and sentinel is not None, "cluster_address and sentinel_address: give one of them"),
        (config.is_cluster and config.db != 0, "db: a cluster has database 0 only"),
        (sentinel is None and not config.addresses, "address: give one"),
        (
            is_alone and len(config.addresses) > 1,
            "address: one server; several share the work as a cluster (cluster_address), not as separate servers",
        ),
        (sentinel is not None and not sentinel.addresses, "sentinel_address: give every sentinel's"),
        (sentinel is not None and not sentinel.master_name, "sentinel_master_name: give it"),
        (not config.prefix, "prefix: give one"),
        (bool(set("{}") & set(config.prefix)), "prefix: no braces, they decide which server of a cluster has a key"),
        (bool(config.user) and not config.password, "user: give its password too"),
    )


def _check_tls(tls: TlsConfig | None) -> None:
    if tls is None:
        return
    try:
        ssl_context(tls)
    except (OSError, ValueError) as exc:
        raise ConfigRefused(f"tls: {exc}") from exc
