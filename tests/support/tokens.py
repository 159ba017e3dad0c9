"""Tokens as a backend makes them: with PyJWT, which knows nothing of the hub's own signer."""

from __future__ import annotations

import time
from typing import Any

import jwt

SECRET = "a-secret-that-only-tests-ever-use-0123456789"
"""Long enough for HS512."""

OTHER_SECRET = "another-secret-which-no-server-here-ever-knows"


def connection_token(user: str, ttl_s: float | None = 3600, *, secret: str = SECRET, **claims: Any) -> str:
    """A token for `connect`; it has no `exp` when `ttl_s` is None."""
    return _signed({"sub": user, **claims}, ttl_s, secret)


def subscription_token(
    user: str, channel: str, ttl_s: float | None = 3600, *, secret: str = SECRET, **claims: Any
) -> str:
    """A token for `subscribe`; it has no `exp` when `ttl_s` is None."""
    return _signed({"sub": user, "channel": channel, **claims}, ttl_s, secret)


def _signed(claims: dict[str, Any], ttl_s: float | None, secret: str) -> str:
    if ttl_s is not None:
        claims.setdefault("exp", time.time() + ttl_s)
    return jwt.encode(claims, secret, algorithm="HS256")
