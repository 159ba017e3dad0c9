"""Refresh tokens: what they are made of. Pure; what becomes of them is decided in `sessions.rotation`.

A token is 72 bytes in base64url: session (16), time of issue in ms (8), chance (32), tag (16). The chance is the
secret, and the database knows it by its hash only. The tag, an HMAC under a key of ours, proves that the token was
once issued, however long ago and without a row for it: so used tokens need to be kept only for the grace, an old one
is recognised as stolen for ever, and an invented one is refused without asking the database.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import uuid
from dataclasses import dataclass, field
from typing import Final

from sessions.sealing import derive_key

_SID_END: Final = 16
_TIME_END: Final = 24
_CHANCE_END: Final = 56
_TOKEN_BYTES: Final = 72
_TOKEN_CHARS: Final = 96


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A token that carries our tag. Whether it still counts, the database says."""

    text: str = field(repr=False)
    sid: str
    issued_ms: int

    @property
    def hash(self) -> str:
        """How the database knows it: SHA-256 in hex. 256 bits of chance need no slow hash."""
        return hashlib.sha256(self.text.encode()).hexdigest()


class RefreshTokenMint:
    """Makes and recognises refresh tokens."""

    def __init__(self, secret: bytes) -> None:
        self._tag_key = derive_key(secret, "refresh token tag")

    def first(self, sid: str, now_ms: int) -> RefreshToken:
        """The first token of a session."""
        return self._make(sid, now_ms, secrets.token_bytes(32))

    def successor(self, token: RefreshToken, nonce: str, used_ms: int) -> RefreshToken:
        """The token that replaces this one: the same for the same nonce and time, and for nobody without the token.

        So the one successor can be given again without being stored in clear.
        """
        chance = hmac.digest(token.text.encode(), nonce.encode(), "sha256")
        return self._make(token.sid, max(used_ms, token.issued_ms + 1), chance)

    @staticmethod
    def nonce() -> str:
        return secrets.token_hex(16)

    def recognise(self, text: str) -> RefreshToken | None:
        """The token, None for what was never issued under this secret. The same work for everything of its length."""
        if len(text) != _TOKEN_CHARS or not text.isascii():
            return None
        try:
            raw = base64.b64decode(text, altchars=b"-_", validate=True)
        except binascii.Error:
            return None
        if len(raw) != _TOKEN_BYTES or not hmac.compare_digest(self._tag(raw[:_CHANCE_END]), raw[_CHANCE_END:]):
            return None
        sid = str(uuid.UUID(bytes=raw[:_SID_END]))
        return RefreshToken(text, sid, int.from_bytes(raw[_SID_END:_TIME_END], "big"))

    def _make(self, sid: str, issued_ms: int, chance: bytes) -> RefreshToken:
        raw = uuid.UUID(sid).bytes + issued_ms.to_bytes(8, "big") + chance
        return RefreshToken(base64.urlsafe_b64encode(raw + self._tag(raw)).decode(), sid, issued_ms)

    def _tag(self, raw: bytes) -> bytes:
        return hmac.digest(self._tag_key, raw, "sha256")[:16]
