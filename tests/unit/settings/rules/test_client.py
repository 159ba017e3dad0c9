from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.settings.conftest import Complain, Load


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pong_timeout": "25s"}, "pong_timeout: must be less than client.ping_interval, which is 25s"),
        ({"ping_interval": "8s"}, "pong_timeout: must be less than client.ping_interval, which is 8s"),
        ({"presence_ttl": "27s"}, "presence_ttl: must be more than client.presence_update_interval, which is 27s"),
        (
            {"presence_update_interval": "1m"},
            "presence_ttl: must be more than client.presence_update_interval, which is 1m",
        ),
        ({"command_rate_burst": 0}, "command_rate_burst: must be 1 or more where client.command_rate_limit is set"),
        ({"pong_timeout": "0s"}, "pong_timeout: must be more than 0s"),
        ({"presence_update_interval": "0s"}, "presence_update_interval: must be more than 0s"),
        ({"presence_ttl": "0s"}, "presence_ttl: must be more than 0s"),
        ({"stale_close_delay": "0s"}, "stale_close_delay: must be more than 0s"),
        ({"channel_position_check_delay": "0s"}, "channel_position_check_delay: must be more than 0s"),
        ({"rpc_timeout": "0s"}, "rpc_timeout: must be more than 0s"),
        ({"user_id_http_header": "X User"}, "user_id_http_header: must be the name of a header, not 'X User'"),
    ],
)
def test_refused(complaint: Callable[..., str], options: dict[str, Any], message: str) -> None:
    assert complaint({"client": options}) == f"client.{message}"


@pytest.mark.parametrize(
    "options",
    [
        {"ping_interval": "10s", "pong_timeout": "9999ms"},
        {"ping_interval": "0s"},
        {"presence_update_interval": "59s"},
        {"command_rate_limit": 0, "command_rate_burst": 0},
        {"channel_limit": 0, "connection_limit": 0, "history_max_publication_limit": 0},
    ],
)
def test_accepted(load: Load, options: dict[str, Any]) -> None:
    load({"client": options})


@pytest.mark.parametrize(
    ("origin", "complaint_of_it"),
    [
        ("https://a.example/", "would match no origin: an origin ends with its host or port"),
        ("https://a.example/path", "would match no origin: an origin ends with its host or port"),
        ("https://a.example?x", "would match no origin: an origin ends with its host or port"),
        ("a.example", 'would match no origin: it must start with a scheme, as "https://example.com" does'),
        ("*.example", 'would match no origin: it must start with a scheme, as "https://example.com" does'),
    ],
)
def test_origins_that_would_match_nothing(problems: Complain, origin: str, complaint_of_it: str) -> None:
    (problem,) = problems({"client": {"allowed_origins": ["https://b.example", origin]}})
    assert problem.key == "client.allowed_origins[1]"
    assert problem.message == f"{origin!r} {complaint_of_it}"


def test_origins_and_patterns(load: Load) -> None:
    origins = ("https://a.example", "http://localhost:*", "https://*.a.example", "http://[::1]:8000", "app://local")
    assert load({"client": {"allowed_origins": list(origins)}}).settings.client.allowed_origins == origins


@pytest.mark.parametrize(
    ("options", "warning"),
    [
        ({"insecure": True}, "insecure: anyone may connect, subscribe and publish"),
        ({"allowed_origins": ["*"]}, "allowed_origins: any web page may connect in its visitor's name"),
        (
            {"user_id_http_header": "X-User"},
            "user_id_http_header: is believed from anyone: a proxy must set X-User and let no client do so",
        ),
    ],
)
def test_open_doors_are_told(warnings: Callable[..., list[str]], options: dict[str, Any], warning: str) -> None:
    assert warnings({"client": options}) == [f"client.{warning}"]
