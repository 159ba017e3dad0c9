"""The configuration that foreign clients meet: a namespace for each thing they can do."""

from __future__ import annotations

from typing import Any

EVERYTHING: dict[str, Any] = {
    "presence": True,
    "join_leave": True,
    "force_push_join_leave": True,
    "force_positioning": True,
    "force_recovery": True,
    "history_size": 100,
    "history_ttl": "300s",
    "allow_subscribe_for_client": True,
    "allow_publish_for_client": True,
    "allow_presence_for_client": True,
    "allow_history_for_client": True,
}

NAMESPACES: list[dict[str, Any]] = [
    EVERYTHING | {"name": "full"},
    EVERYTHING | {"name": "short", "history_size": 2},
    EVERYTHING | {"name": "private", "allow_subscribe_for_client": False},
    EVERYTHING | {"name": "cache", "force_recovery_mode": "cache"},
    EVERYTHING | {"name": "personal"},
    {"name": "plain", "allow_subscribe_for_client": True, "allow_publish_for_client": True},
    {"name": "silent", "allow_subscribe_for_client": True},
]


def configuration(*allowed_origins: str) -> dict[str, Any]:
    """One server for all scenarios. Tokens last as long as they say, and one second more."""
    return {
        "client": {
            "allowed_origins": list(allowed_origins),
            "expired_close_delay": "1s",
            "expired_sub_close_delay": "1s",
            "ping_interval": "2s",
            "pong_timeout": "1900ms",
            "subscribe_to_user_personal_channel": {"enabled": True, "personal_channel_namespace": "personal"},
        },
        "channel": {"namespaces": NAMESPACES},
        "rpc": {"ping": {"enabled": True}},
        "shutdown": {"drain_window": "0s"},
    }
