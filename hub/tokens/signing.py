"""Tokens for development: what an application's backend would sign, for the CLI and tests."""

from __future__ import annotations

import warnings

import jwt

from hub.clock import Clock


def sign_connect(secret: str, user: str, ttl_s: float, clock: Clock, **claims: object) -> str:
    """A connection token, HS256. A `ttl_s` of 0 gives one that never expires; `claims` come last and win."""
    return _sign(secret, {"sub": user, **_times(ttl_s, clock), **claims})


def sign_subscribe(secret: str, user: str, channel: str, ttl_s: float, clock: Clock, **claims: object) -> str:
    """A subscription token, HS256; as sign_connect."""
    return _sign(secret, {"sub": user, "channel": channel, **_times(ttl_s, clock), **claims})


def _times(ttl_s: float, clock: Clock) -> dict[str, int]:
    now_s = int(clock.now_s())
    return {"iat": now_s} | ({"exp": int(now_s + ttl_s)} if ttl_s else {})


def _sign(secret: str, claims: dict[str, object]) -> str:
    with warnings.catch_warnings():
        # The secret is whatever the backend signs with; a short one ("secret") must work here as it does there.
        warnings.simplefilter("ignore", jwt.InsecureKeyLengthWarning)
        return jwt.encode(claims, secret, algorithm="HS256")
