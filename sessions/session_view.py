"""A login session as clients see it, over REST, RPC and in events (docs/sessions.md section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sessions.login_session import LoginSession


def describe(session: LoginSession) -> dict[str, object]:
    """What is always told of it."""
    return {
        "id": session.id,
        "device_id": session.device_id,
        "name": session.name,
        "platform": session.platform,
        "address": session.address,
        "method": session.method,
        "created_at": session.created_ms,
        "last_seen_at": session.last_seen_ms,
        "expires_at": session.expires_ms,
    }


def describe_in_list(session: LoginSession, connections: int, current_sid: str) -> dict[str, object]:
    """In a list there is also how many live connections it has, and whether it is the asker's own."""
    return describe(session) | {"connections": connections, "current": session.id == current_sid}
