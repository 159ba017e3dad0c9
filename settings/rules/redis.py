"""Rules of a Redis section: one way to the server, addresses that are some, timeouts that pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from settings.redis_views import AddressUnreadable, ServerUrl, server_url
from settings.rules.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from settings.model import Settings
    from settings.redis_model import RedisSettings, RedisTlsSettings
    from settings.rules.finding import Rule


def engine_redis_is_sound(settings: Settings) -> Iterator[Finding]:
    yield from redis_findings("engine.redis", settings.engine.redis)


def redis_findings(key: str, redis: RedisSettings) -> Iterator[Finding]:
    """Everything that is wrong with the Redis section at `key`."""
    yield from _unreadable(key, redis)
    yield from _not_one_server(key, redis)
    yield from _wrong_for_a_cluster(key, redis)
    for name in ("connect_timeout", "io_timeout"):
        if not getattr(redis, name):
            yield Finding(f"{key}.{name}", "must be more than 0s")
    if not redis.prefix or {"{", "}"} & set(redis.prefix):
        yield Finding(f"{key}.prefix", "must be some text without braces: they decide where a cluster keeps a key")
    yield from tls_findings(f"{key}.tls", redis.tls)
    yield from tls_findings(f"{key}.sentinel_tls", redis.sentinel_tls)


def tls_findings(key: str, tls: RedisTlsSettings) -> Iterator[Finding]:
    """What is wrong with the TLS section at `key`, of Redis or of another broker."""
    if tls.key_pem.get_secret_value() and not tls.cert_pem:
        yield Finding(f"{key}.key_pem", "is not used: cert_pem is not set", (f"{key}.cert_pem",), is_warning=True)


def _unreadable(key: str, redis: RedisSettings) -> Iterator[Finding]:
    """Never with the address itself: it may hold a password."""
    addresses = [("address", secret.get_secret_value()) for secret in redis.address]
    addresses += [("cluster_address", text) for text in redis.cluster_address]
    addresses += [("sentinel_address", text) for text in redis.sentinel_address]
    for name, text in addresses:
        try:
            url = server_url(text)
        except AddressUnreadable as exc:
            yield Finding(f"{key}.{name}", str(exc))
        else:
            if name != "address" and url != ServerUrl(url.address):
                yield Finding(f"{key}.{name}", "must be host:port each; user, password and TLS have their own options")


def _not_one_server(key: str, redis: RedisSettings) -> Iterator[Finding]:
    if len(redis.address) > 1:
        yield Finding(f"{key}.address", "must be one server; several would be shards: use cluster_address")
    if redis.cluster_address and redis.sentinel_address:
        message = "cannot be used with cluster_address: a cluster fails over by itself"
        yield Finding(f"{key}.sentinel_address", message, (f"{key}.cluster_address",))
    if bool(redis.sentinel_address) != bool(redis.sentinel_master_name):
        message = "and sentinel_address go together"
        yield Finding(f"{key}.sentinel_master_name", message, (f"{key}.sentinel_address",))


def _wrong_for_a_cluster(key: str, redis: RedisSettings) -> Iterator[Finding]:
    if redis.cluster_address and redis.db:
        yield Finding(f"{key}.db", "must be 0: a cluster has no other", (f"{key}.cluster_address",))


RULES: Final[tuple[Rule, ...]] = (engine_redis_is_sound,)
