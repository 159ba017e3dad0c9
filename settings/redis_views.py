"""The view of a Redis section: `address` in all its forms becomes what the engine and the sources take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from hub.engines.redis.config import Address, RedisConfig, SentinelConfig, TlsConfig

if TYPE_CHECKING:
    from settings.redis_model import RedisSettings, RedisTlsSettings

DEFAULT_PORT: Final = 6379
DEFAULT: Final = Address("127.0.0.1", DEFAULT_PORT)
SENTINEL_PORT: Final = 26379

_SCHEMES: Final = ("redis", "rediss")


class AddressUnreadable(ValueError):
    """An address is none; the text says why, without a password."""


class ServerUrl(NamedTuple):
    """One `address`; what it leaves out is empty."""

    address: Address
    user: str = ""
    password: str = ""
    db: int | None = None
    is_tls: bool = False


def redis_config(redis: RedisSettings) -> RedisConfig:
    """Raises AddressUnreadable; rules have seen to it that there is none.

    A password, a user and a database in the URL go before the options of the same name.
    """
    seeds = tuple(server_url(text) for text in redis.cluster_address)
    first = ServerUrl(DEFAULT) if seeds else _server(redis)
    return RedisConfig(
        addresses=tuple(url.address for url in seeds or (first,)),
        is_cluster=bool(redis.cluster_address),
        sentinel=_sentinel(redis),
        prefix=redis.prefix,
        user=first.user or redis.user,
        password=first.password or redis.password.get_secret_value(),
        db=redis.db if first.db is None else first.db,
        tls=tls_config(redis.tls, is_wanted=first.is_tls),
        connect_timeout_s=redis.connect_timeout,
        io_timeout_s=redis.io_timeout,
    )


def _server(redis: RedisSettings) -> ServerUrl:
    given = [server_url(secret.get_secret_value()) for secret in redis.address]
    return given[0] if given else ServerUrl(DEFAULT)


def server_url(text: str, default_port: int = DEFAULT_PORT) -> ServerUrl:
    """`host:port`, `host`, or a URL.

    Raises:
        AddressUnreadable
    """
    parts = urlsplit(text if "://" in text else f"redis://{text}")
    if parts.scheme not in _SCHEMES:
        raise AddressUnreadable("must be host:port, or begin with redis:// or rediss://")
    try:
        port = parts.port or default_port
    except ValueError as exc:
        raise AddressUnreadable("has no usable port") from exc
    if not parts.hostname:
        raise AddressUnreadable("names no host")
    return ServerUrl(
        Address(parts.hostname, port),
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        _database(parts.path.strip("/")),
        parts.scheme == "rediss",
    )


def _database(text: str) -> int | None:
    if text and not text.isdecimal():
        raise AddressUnreadable("must end with the number of a database, if with anything")
    return int(text) if text else None


def _sentinel(redis: RedisSettings) -> SentinelConfig | None:
    if not redis.sentinel_address:
        return None
    return SentinelConfig(
        addresses=tuple(server_url(text, SENTINEL_PORT).address for text in redis.sentinel_address),
        master_name=redis.sentinel_master_name,
        user=redis.sentinel_user,
        password=redis.sentinel_password.get_secret_value(),
        tls=tls_config(redis.sentinel_tls),
    )


def tls_config(tls: RedisTlsSettings, *, is_wanted: bool = False) -> TlsConfig | None:
    if not (tls.enabled or is_wanted):
        return None
    return TlsConfig(
        ca_pem=tls.server_ca_pem,
        cert_pem=tls.cert_pem,
        key_pem=tls.key_pem.get_secret_value(),
        server_name=tls.server_name,
        insecure_skip_verify=tls.insecure_skip_verify,
    )
