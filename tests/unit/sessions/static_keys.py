"""Signing keys that are simply there."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from sessions.key_pair import PURPOSE, KeyPair, SealedKey, make_key, read_key
from sessions.sealing import Seal
from sessions.signing_keys import SigningKeys

if TYPE_CHECKING:
    from hub.clock import Clock

SEAL = Seal(b"the secret of all nodes of a test", PURPOSE)


@cache
def _sealed(algorithm: str, name: str) -> SealedKey:
    """One key per name: making an RSA key takes a while."""
    return make_key(algorithm, SEAL)


def key_pair(algorithm: str = "EdDSA", name: str = "", verifies_until_ms: int | None = None) -> KeyPair:
    return read_key(
        _sealed(algorithm, name), seal=SEAL, created_ms=0, signs_from_ms=0, verifies_until_ms=verifies_until_ms
    )


class StaticKeys(SigningKeys):
    """The first key signs; all verify."""

    def __init__(self, clock: Clock, *keys: KeyPair) -> None:
        self._clock = clock
        self._by_header = {key.header: key for key in keys}
        self.generation = 0
        self.num_asked = 0

    def signer(self) -> KeyPair:
        return next(iter(self._by_header.values()))

    async def find_anew(self, header: str) -> KeyPair | None:
        self.num_asked += 1
        return self.find(header)

    def withdraw(self, key: KeyPair) -> None:
        del self._by_header[key.header]
        self.generation += 1
