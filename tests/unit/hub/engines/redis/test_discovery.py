"""Which topology a configuration asks for, and which configurations make no sense."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.engines.redis.cluster import Cluster
from hub.engines.redis.config import Address, RedisConfig, SentinelConfig, TlsConfig
from hub.engines.redis.discovery import ConfigRefused, choose_topology
from hub.engines.redis.sentinel import Sentinel
from hub.engines.redis.topology import Standalone
from tests.support.clock import FakeClock

A, B = Address("10.0.0.1", 6379), Address("10.0.0.2", 6379)

WATCHED = SentinelConfig(addresses=(A, B), master_name="main")


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (RedisConfig(addresses=(A,)), Standalone),
        (RedisConfig(addresses=(A, B), is_cluster=True), Cluster),
        (RedisConfig(sentinel=WATCHED), Sentinel),
        (RedisConfig(sentinel=WATCHED, addresses=()), Sentinel),
    ],
)
def test_a_configuration_says_where_the_servers_are(config: RedisConfig, kind: type) -> None:
    assert type(choose_topology(config, FakeClock())) is kind


@pytest.mark.parametrize(
    ("config", "option"),
    [
        (RedisConfig(addresses=()), "address:"),
        (RedisConfig(addresses=(A, B)), "address: one server"),
        (RedisConfig(addresses=(A,), is_cluster=True, sentinel=WATCHED), "cluster_address and sentinel_address"),
        (RedisConfig(addresses=(A,), is_cluster=True, db=1), "db:"),
        (RedisConfig(sentinel=replace(WATCHED, addresses=())), "sentinel_address:"),
        (RedisConfig(sentinel=replace(WATCHED, master_name="")), "sentinel_master_name:"),
        (RedisConfig(prefix=""), "prefix:"),
        (RedisConfig(prefix="a{b}"), "prefix: no braces"),
        (RedisConfig(user="someone"), "user:"),
        (RedisConfig(tls=TlsConfig(ca_pem="nowhere.pem")), "tls:"),
        (RedisConfig(sentinel=replace(WATCHED, tls=TlsConfig(cert_pem="nowhere.pem"))), "tls:"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once_with_the_name_of_the_option(config: RedisConfig, option: str) -> None:
    with pytest.raises(ConfigRefused) as refused:
        choose_topology(config, FakeClock())
    assert str(refused.value).startswith(option)
