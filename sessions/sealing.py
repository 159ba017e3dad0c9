"""What the configured secret is used for: each purpose has a key of its own, so that none can stand in for another."""

from __future__ import annotations

import base64
import binascii
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MIN_SECRET_BYTES: Final = 32

_NONCE_BYTES: Final = 12


class SealBroken(Exception):
    """Sealed under another secret or for something else, or altered."""


def derive_key(secret: bytes, purpose: str) -> bytes:
    """32 bytes for one purpose (HKDF, RFC 5869).

    Raises:
        ValueError: the secret is too short to be one.
    """
    if len(secret) < MIN_SECRET_BYTES:
        raise ValueError(f"the secret has less than {MIN_SECRET_BYTES} bytes")
    return HKDF(SHA256(), 32, salt=None, info=b"syncline " + purpose.encode()).derive(secret)


class Seal:
    """Encrypts what lies in the database and only this platform may read (AES-256-GCM)."""

    def __init__(self, secret: bytes, purpose: str) -> None:
        self._cipher = AESGCM(derive_key(secret, purpose))

    def close(self, content: bytes, belongs_to: str) -> str:
        """Encrypt. What is sealed for one thing can't be opened as that of another."""
        nonce = os.urandom(_NONCE_BYTES)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, content, belongs_to.encode())).decode()

    def open(self, sealed: str, belongs_to: str) -> bytes:
        """Raises SealBroken."""
        try:
            raw = base64.b64decode(sealed, validate=True)
            return self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], belongs_to.encode())
        except (InvalidTag, binascii.Error, ValueError):
            raise SealBroken from None
