"""Client ids: random UUIDs (version 4), made many at a time.

`uuid.uuid4` asks the kernel for 16 bytes each time and builds an object on the way: 5 µs of a connect. These are as
unguessable; only the system call is shared.
"""

from __future__ import annotations

import os

_ID_BYTES = 16
_IDS_PER_CALL = 256


class ClientIds:
    """A source of ids for the connections of one node."""

    __slots__ = ("_at", "_pool")

    def __init__(self) -> None:
        self._pool = ""
        self._at = 0

    def new(self) -> str:
        if self._at >= len(self._pool):
            self._pool = os.urandom(_ID_BYTES * _IDS_PER_CALL).hex()
            self._at = 0
        at = self._at
        self._at = at + 2 * _ID_BYTES
        digits = self._pool[at : self._at]
        variant = "89ab"[int(digits[16], 16) & 3]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
