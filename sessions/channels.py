"""The two namespaces that sessions bring along, and the channel of a user in the first of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hub.channels import personal_channel
from hub.config import ChannelOptions

if TYPE_CHECKING:
    from hub.config import ChannelConfig

SESSIONS: Final = "sessions"
STATE: Final = "state"

SESSIONS_OPTIONS: Final = ChannelOptions(
    presence=True,  # how many connections a session has, on all nodes
    history_size=100,
    history_ttl_s=24 * 3600,
    force_recovery=True,
)
"""`sessions:#<user>`: joined by the server alone; nobody but the platform publishes, reads its presence or history."""

STATE_OPTIONS: Final = ChannelOptions(
    allow_user_limited_channels=True,
    # In memory, up to 64 KiB each: who was away for longer, or missed more, catches up from the change log.
    history_size=32,
    history_ttl_s=300,
    force_recovery=True,
    channel_regex=r"^[A-Za-z0-9_.-]{1,64}#[^,]+$",
)
"""`state:<key>#<user>`: only that user may subscribe, and only the platform publishes."""


def sessions_channel(user: str) -> str:
    """Where events about a user's sessions and devices arrive."""
    return personal_channel(user, SESSIONS)


def state_channel(user: str, key: str) -> str:
    """Where the mutations of a user's document arrive."""
    return f"{STATE}:{key}#{user}"


def with_session_namespaces(config: ChannelConfig) -> ChannelConfig:
    """The configuration with both namespaces; those that it names itself stay as they are."""
    ours = {SESSIONS: SESSIONS_OPTIONS, STATE: STATE_OPTIONS}
    return replace(config, namespaces=ours | config.namespaces)
