"""Connection tokens, HS256, as a backend would issue them."""

from __future__ import annotations

import time

import jwt

LIFETIME_S = 86_400


class TokenMint:
    """The same user's token is the same bytes each time: expiry counts from when the mint was made."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._expires_at = int(time.time()) + LIFETIME_S

    def token(self, user: str) -> str:
        return jwt.encode({"sub": user, "exp": self._expires_at}, self._secret, algorithm="HS256")
