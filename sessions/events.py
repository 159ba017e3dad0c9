"""Events on `sessions:#<user>`, as JSON (docs/sessions.md section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from sessions.session_view import describe

if TYPE_CHECKING:
    from sessions.login_session import LoginSession, Reason


def session_created(session: LoginSession, at_ms: int) -> bytes:
    return _encode("session.created", at_ms, session=describe(session))


def session_updated(session: LoginSession, at_ms: int) -> bytes:
    return _encode("session.updated", at_ms, session=describe(session))


def session_revoked(sid: str, reason: Reason, at_ms: int) -> bytes:
    return _encode("session.revoked", at_ms, sid=sid, reason=reason)


def refresh_reused(sid: str, at_ms: int) -> bytes:
    return _encode("security.refresh_reused", at_ms, sid=sid)


def device_online(sid: str, did: str, at_ms: int) -> bytes:
    return _encode("device.online", at_ms, sid=sid, did=did)


def device_offline(sid: str, did: str, at_ms: int) -> bytes:
    return _encode("device.offline", at_ms, sid=sid, did=did)


def _encode(kind: str, at_ms: int, **members: object) -> bytes:
    return msgspec.json.encode({"type": kind, **members, "at": at_ms})
