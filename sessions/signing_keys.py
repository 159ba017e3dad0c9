"""The keys that sign access tokens: kept sealed in the database, the same on all nodes, replaced without a gap."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from math import inf
from typing import TYPE_CHECKING, Final

import msgspec

from hub.tokens.claims import KeysUnavailable
from sessions.key_pair import PURPOSE, KeyPair, KeyUnreadable, SealedKey, make_key, read_key
from sessions.sealing import Seal
from storage.database import Query, StorageUnavailable

if TYPE_CHECKING:
    from hub.clock import Clock
    from sessions.config import SessionsConfig
    from storage.database import Database, Row, Transaction

logger = logging.getLogger(__name__)

SKEW_S: Final = 60
"""How much longer than its last token a key is kept verifying: clocks differ, and nodes learn of a rotation late."""

LOOK_INTERVAL_S: Final = 2
"""Least time between two looks that tokens with an unknown key ask for: what a flood of those can cost."""

KEPT_AFTER_END_MS: Final = 86_400_000

_LOCK = Query("signing_keys.lock", "SELECT 1", "SELECT 1 FROM pg_advisory_xact_lock(7352, 1)")

_COLUMNS = "kid, algorithm, public_jwk, sealed_private_key, created_ms, signs_from_ms, verifies_until_ms"

_ALL = Query("signing_keys.all", f"SELECT {_COLUMNS} FROM signing_keys ORDER BY signs_from_ms, kid")

_ADD = Query("signing_keys.add", f"INSERT INTO signing_keys ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, NULL)")

_RETIRE_OTHERS = Query(
    "signing_keys.retire_others",
    "UPDATE signing_keys SET verifies_until_ms = $2"
    " WHERE kid <> $1 AND (verifies_until_ms IS NULL OR verifies_until_ms > $2)",
)

_FORGET = Query("signing_keys.forget", "DELETE FROM signing_keys WHERE verifies_until_ms < $1")


class NoSigningKey(Exception):
    """There is no key to sign with: `load` has not been awaited, or its keys were withdrawn by hand."""


class SigningKeys:
    """The keys of this platform, as of the last look into the database.

    Invariants:
        KEY-1  a key signs only after it has been published for `key_propagation_s`, the very first one excepted.
        KEY-2  a key verifies until the last token that it can have signed has expired.
        KEY-3  of nodes that start at once with no key in the database, one makes it.
    """

    def __init__(self, database: Database, config: SessionsConfig, clock: Clock) -> None:
        self._database = database
        self._config = config.tokens
        self._clock = clock
        self._seal = Seal(config.secret, PURPOSE)
        self._by_header: dict[str, KeyPair] = {}
        self._reloading = asyncio.Lock()
        self._looking = asyncio.Lock()
        self._looked_at_s = -inf
        self._has_seen = False
        self._unreadable: set[str] = set()
        self.generation = 0

    async def load(self) -> None:
        """Read the keys, making the first if need be. Before anything is signed or verified.

        Raises:
            StorageUnavailable
        """
        await self._read()
        if not self._has_key_to_go_on_with():
            await self._add_unless_there()
            await self._read()

    async def rotate(self, *, at_once: bool = False) -> str:
        """Add a key; it takes over after the propagation time, and the others end when their tokens have.

        Args:
            at_once: the old keys are lost to somebody: the new one signs now, and what the others have signed is
                refused as soon as each node has heard of it (`key_reload_interval_s`).

        Returns:
            The new key's `kid`.

        Raises:
            StorageUnavailable
        """
        key = await asyncio.to_thread(make_key, self._config.algorithm, self._seal)
        now_ms = self._now_ms()

        async def work(tx: Transaction) -> None:
            await tx.fetch(_LOCK)
            signs_from_ms = now_ms if at_once else now_ms + int(self._config.key_propagation_s * 1000)
            await self._insert(tx, key, now_ms, signs_from_ms)
            await tx.execute(_RETIRE_OTHERS, key.kid, now_ms if at_once else signs_from_ms + self._token_life_ms())

        await self._database.run(work)
        await self._read()
        logger.info("signing_key_added", extra={"kid": key.kid, "at_once": at_once})
        return key.kid

    def list(self) -> tuple[KeyPair, ...]:
        """All keys, the one that signs last among those that may come last."""
        return tuple(self._by_header.values())

    def signer(self) -> KeyPair:
        """The key that signs now: the newest whose time has come.

        When none's has, the first that will: a clock behind that of the node which made the first key must not leave
        this one without any.

        Raises:
            NoSigningKey
        """
        now_ms = self._now_ms()
        able = [key for key in self._by_header.values() if key.can_sign(now_ms)]
        due = [key for key in able if key.signs_from_ms <= now_ms]
        if due:
            return max(due, key=_by_time)
        if able:
            return min(able, key=_by_time)
        raise NoSigningKey

    def find(self, header: str) -> KeyPair | None:
        """The key whose tokens begin with this segment, None when none that is trusted now does."""
        key = self._by_header.get(header)
        return key if key is not None and key.is_trusted(self._now_ms()) else None

    async def find_anew(self, header: str) -> KeyPair | None:
        """As find, after another look into the database unless that was a moment ago. One look for all who wait.

        Raises:
            KeysUnavailable: the database that could tell does not answer, or did not a moment ago.
        """
        async with self._looking:
            await self._look()
        return self.find(header)

    def jwks(self) -> bytes:
        """The public keys as a JWK Set (RFC 7517), those included that are still to sign."""
        now_ms = self._now_ms()
        trusted = [key.public_jwk for key in self._by_header.values() if key.is_trusted(now_ms)]
        return msgspec.json.encode({"keys": trusted})

    async def run(self) -> None:
        """Keep up with what other nodes do to the keys; the supervisor's task."""
        while True:
            await asyncio.sleep(self._config.key_reload_interval_s)
            try:
                await self.load()
                await self._forget()
            except StorageUnavailable:
                logger.warning("signing_keys_not_reloaded")

    # --- within -----------------------------------------------------------------------------------------------------

    async def _look(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s - self._looked_at_s >= LOOK_INTERVAL_S:
            self._looked_at_s, self._has_seen = now_s, False
            with contextlib.suppress(StorageUnavailable):
                await self._read()
                self._has_seen = True
        if not self._has_seen:
            raise KeysUnavailable("the keys cannot be read")

    async def _read(self) -> None:
        async with self._reloading:
            rows = await self._database.fetch(_ALL)
            keys = [key for row in rows if (key := self._to_key(row)) is not None]
            by_header = {key.header: key for key in keys}
            if {key.kid: key.verifies_until_ms for key in keys} != self._ends():
                self.generation += 1
            self._by_header = by_header

    def _ends(self) -> dict[str, int | None]:
        return {key.kid: key.verifies_until_ms for key in self._by_header.values()}

    def _to_key(self, row: Row) -> KeyPair | None:
        kid, algorithm, public_jwk, sealed, created_ms, signs_from_ms, verifies_until_ms = row
        sealed_key = SealedKey(kid, algorithm, public_jwk, sealed)
        try:
            key = read_key(
                sealed_key,
                seal=self._seal,
                created_ms=created_ms,
                signs_from_ms=signs_from_ms,
                verifies_until_ms=verifies_until_ms,
            )
        except (KeyUnreadable, msgspec.MsgspecError):
            logger.error("signing_key_unreadable", extra={"kid": kid})
            return None
        if key.private is None and kid not in self._unreadable:
            self._unreadable.add(kid)
            logger.warning("signing_key_sealed_under_another_secret", extra={"kid": kid})
        return key

    def _has_key_to_go_on_with(self) -> bool:
        """One that no end is set for, that we can open, of the configured algorithm."""
        return any(
            key.private is not None and key.verifies_until_ms is None and key.algorithm == self._config.algorithm
            for key in self._by_header.values()
        )

    async def _add_unless_there(self) -> None:
        """Whoever holds the lock first makes the key; the others find it."""
        key = await asyncio.to_thread(make_key, self._config.algorithm, self._seal)
        known = set(self._ends())
        now_ms = self._now_ms()
        has_signer = any(pair.can_sign(now_ms) for pair in self._by_header.values())
        signs_from_ms = now_ms + int(self._config.key_propagation_s * 1000) if has_signer else now_ms

        async def work(tx: Transaction) -> None:
            await tx.fetch(_LOCK)
            rows = await tx.fetch(_ALL)
            if any(row[0] not in known and row[1] == self._config.algorithm for row in rows):
                return
            await self._insert(tx, key, now_ms, signs_from_ms)

        await self._database.run(work)

    @staticmethod
    async def _insert(tx: Transaction, key: SealedKey, created_ms: int, signs_from_ms: int) -> None:
        columns = (key.kid, key.algorithm, key.public_jwk, key.sealed_private_key)
        await tx.execute(_ADD, *columns, created_ms, signs_from_ms)

    async def _forget(self) -> None:
        before_ms = self._now_ms() - KEPT_AFTER_END_MS
        if any(end is not None and end < before_ms for end in self._ends().values()):

            async def work(tx: Transaction) -> None:
                await tx.execute(_FORGET, before_ms)

            await self._database.run(work)

    def _token_life_ms(self) -> int:
        return int((self._config.access_token_ttl_s + self._config.leeway_s + SKEW_S) * 1000)

    def _now_ms(self) -> int:
        return int(self._clock.now_s() * 1000)


def _by_time(key: KeyPair) -> tuple[int, str]:
    return key.signs_from_ms, key.kid
