from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.settings.conftest import Complain, Load


@pytest.mark.parametrize(
    ("redis", "problem"),
    [
        ({"address": ["a:1", "b:1"]}, "engine.redis.address: must be one server"),
        ({"address": ["http://secret@a"]}, "engine.redis.address: must be host:port"),
        ({"cluster_address": ["rediss://a"]}, "engine.redis.cluster_address: must be host:port each"),
        ({"cluster_address": ["me:secret@a"]}, "engine.redis.cluster_address: must be host:port each"),
        ({"cluster_address": ["a"], "db": 1}, "engine.redis.db: must be 0"),
        ({"sentinel_address": ["a"]}, "engine.redis.sentinel_master_name: and sentinel_address go together"),
        ({"sentinel_master_name": "main"}, "engine.redis.sentinel_master_name: and sentinel_address go together"),
        (
            {"sentinel_address": ["a"], "sentinel_master_name": "main", "cluster_address": ["a"]},
            "engine.redis.sentinel_address: cannot be used with cluster_address",
        ),
        (
            {"sentinel_address": ["a:b"], "sentinel_master_name": "main"},
            "engine.redis.sentinel_address: has no usable port",
        ),
        ({"io_timeout": "0s"}, "engine.redis.io_timeout: must be more than 0s"),
        ({"connect_timeout": "0s"}, "engine.redis.connect_timeout: must be more than 0s"),
        ({"prefix": ""}, "engine.redis.prefix: must be some text"),
        ({"prefix": "a{b}"}, "engine.redis.prefix: must be some text without braces"),
    ],
)
def test_what_is_refused(problems: Complain, redis: dict[str, Any], problem: str) -> None:
    told = "\n".join(f"{found.key}: {found.message}" for found in problems({"engine": {"redis": redis}}))
    assert problem in told
    assert "secret" not in told


@pytest.mark.parametrize("name", ["tls", "sentinel_tls"])
def test_a_key_without_a_certificate_is_told(warnings: Callable[..., list[str]], name: str) -> None:
    assert warnings({"engine": {"redis": {name: {"key_pem": "k"}}}}) == [
        f"engine.redis.{name}.key_pem: is not used: cert_pem is not set"
    ]


@pytest.mark.parametrize(
    "redis",
    [
        {},
        {"address": "redis://me:pass@host:6380/1"},
        {"cluster_address": "a:1 b:1", "password": "p"},
        {"sentinel_address": ["a", "b"], "sentinel_master_name": "main"},
        {"tls": {"enabled": True, "cert_pem": "c", "key_pem": "k"}},
    ],
)
def test_what_is_accepted(load: Load, redis: dict[str, Any]) -> None:
    load({"engine": {"type": "redis", "redis": redis}})
