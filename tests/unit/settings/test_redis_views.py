"""Where a Redis is, in all the forms in which it can be said."""

from __future__ import annotations

import pytest

from hub.engines.redis.config import Address, RedisConfig, TlsConfig
from settings.redis_model import RedisSettings, RedisTlsSettings
from settings.redis_views import AddressUnreadable, redis_config, server_url


def config(**options: object) -> RedisConfig:
    return redis_config(RedisSettings.model_validate(options))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("host:1", RedisConfig(addresses=(Address("host", 1),))),
        ("host", RedisConfig(addresses=(Address("host", 6379),))),
        ("[::1]:7", RedisConfig(addresses=(Address("::1", 7),))),
        ("redis://host:1", RedisConfig(addresses=(Address("host", 1),))),
        ("redis://host:1/", RedisConfig(addresses=(Address("host", 1),))),
        ("redis://host/3", RedisConfig(addresses=(Address("host", 6379),), db=3)),
        ("rediss://host:1", RedisConfig(addresses=(Address("host", 1),), tls=TlsConfig())),
        ("redis://:p%40ss@host:1", RedisConfig(addresses=(Address("host", 1),), password="p@ss")),
        ("redis://me:pass@host:1/2", RedisConfig(addresses=(Address("host", 1),), user="me", password="pass", db=2)),
    ],
)
def test_a_server(text: str, expected: RedisConfig) -> None:
    assert config(address=[text]) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("http://host:1", "redis://"),
        ("redis+sentinel://host:1", "redis://"),
        ("redis://", "no host"),
        (":6379", "no host"),
        ("host:port", "port"),
        ("host:99999", "port"),
        ("redis://host/name", "number"),
    ],
)
def test_what_is_no_address(text: str, why: str) -> None:
    with pytest.raises(AddressUnreadable, match=why):
        server_url(text)


def test_what_an_address_says_goes_before_the_options() -> None:
    options = {"user": "them", "password": "theirs", "db": 9}
    assert config(address=["redis://me:mine@host/1"], **options) == RedisConfig(
        addresses=(Address("host", 6379),), user="me", password="mine", db=1
    )
    assert config(address=["host"], **options) == RedisConfig(
        addresses=(Address("host", 6379),), user="them", password="theirs", db=9
    )


def test_a_cluster_has_seeds_and_no_address() -> None:
    assert config(address=["redis://me:mine@other/1"], cluster_address=["a:1", "b"], password="p") == RedisConfig(
        addresses=(Address("a", 1), Address("b", 6379)), is_cluster=True, password="p"
    )


def test_sentinels_have_their_own_port_password_and_tls() -> None:
    tls = RedisTlsSettings(enabled=True, server_name="sentinel")
    sentinel = config(
        sentinel_address=["a", "b:1"], sentinel_master_name="main", sentinel_password="p", sentinel_tls=tls
    ).sentinel
    assert sentinel is not None
    assert sentinel.addresses == (Address("a", 26379), Address("b", 1))
    assert (sentinel.master_name, sentinel.password) == ("main", "p")
    assert sentinel.tls == TlsConfig(server_name="sentinel")


def test_a_password_in_an_address_is_not_shown() -> None:
    settings = RedisSettings.model_validate({"address": ["redis://me:never-shown@host"]})
    assert "never-shown" not in f"{settings!r} {settings.model_dump(mode='json')} {redis_config(settings)!r}"
