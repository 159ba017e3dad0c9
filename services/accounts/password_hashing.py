"""Passwords as they are kept: Argon2id (RFC 9106) over an HMAC, computed off the loop by few threads.

A computation takes 19 ms and 19 MiB with the default parameters (measured, docs/adr/0027-passwords.md), so both how
many run and how many wait are bounded: a storm of log-ins is refused at the door instead of taking the machine with it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from services.accounts.password_policy import normalise
from sessions.refusal import Kind, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from services.accounts.config import AccountsConfig, PasswordHashConfig

T = TypeVar("T")

logger = logging.getLogger(__name__)

SALT_BYTES: Final = 16
HASH_BYTES: Final = 32

RETRY_AFTER_S: Final = 1

_PEPPER_ID_LENGTH: Final = 8


class PasswordHashing:
    """Makes and checks the text that `users.password_hash` holds: `<pepper id>$argon2id$…`, or "" for no password.

    Every path of a log-in computes exactly once (`num_computed`): who has no account or no password is checked against
    a hash that nothing matches.

    Invariants:
        HASH-1  at most `workers` computations run and `max_waiting` wait, cancelled callers included.
    """

    def __init__(self, config: PasswordHashConfig, secret: bytes, previous_secrets: tuple[bytes, ...] = ()) -> None:
        self._argon2 = argon2.PasswordHasher(
            time_cost=config.iterations,
            memory_cost=config.memory_kib,
            parallelism=config.parallelism,
            hash_len=HASH_BYTES,
            salt_len=SALT_BYTES,
        )
        peppers = [_pepper(key) for key in (secret, *previous_secrets)]
        self._pepper_id = _pepper_id(peppers[0])
        self._peppers = {_pepper_id(pepper): pepper for pepper in reversed(peppers)}
        self._matches_nothing = self._pepper_id + _unmatchable(config)
        self._pool = ThreadPoolExecutor(config.workers, thread_name_prefix="argon2")
        self._places = _Places(config.workers + config.max_waiting)
        self.num_computed = 0
        self.num_refused = 0

    @classmethod
    @contextmanager
    def running(cls, config: AccountsConfig) -> Iterator[PasswordHashing]:
        """With its threads, until this ends."""
        passwords = cls(config.password_hash, config.secret, config.previous_secrets)
        try:
            yield passwords
        finally:
            passwords.close()

    @property
    def num_unfinished(self) -> int:
        """Computations that run or wait."""
        return self._places.num_taken

    def close(self) -> None:
        """Drop what waits; what runs ends on its own within its some ten milliseconds."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def hash(self, password: str) -> str:
        """The text to keep for a new password.

        Raises:
            Refusal: LIMITED, too many are waiting.
        """
        peppered = self._peppered(self._pepper_id, password)
        return self._pepper_id + await self._compute(lambda: self._argon2.hash(peppered))

    async def verify(self, kept: str, password: str) -> bool:
        """Whether `kept` was made of this password; "" matches nothing, at the same cost.

        Raises:
            Refusal: LIMITED, too many are waiting.
        """
        pepper_id, text = self._divided(kept or self._matches_nothing)
        peppered = self._peppered(pepper_id, password)
        return await self._compute(lambda: self._matches(text, peppered))

    def is_outdated(self, kept: str) -> bool:
        """Whether the hash should be made anew, now that the password is at hand: other parameters, another secret."""
        pepper_id, text = self._divided(kept)
        return pepper_id != self._pepper_id or self._argon2.check_needs_rehash(text)

    def _divided(self, kept: str) -> tuple[str, str]:
        """Pepper id and Argon2's own text; those of nothing when the pepper is not among ours."""
        pepper_id, text = kept[:_PEPPER_ID_LENGTH], kept[_PEPPER_ID_LENGTH:]
        if pepper_id in self._peppers:
            return pepper_id, text
        logger.error("password_secret_unknown")
        return self._divided(self._matches_nothing)

    def _peppered(self, pepper_id: str, password: str) -> bytes:
        return hmac.digest(self._peppers[pepper_id], normalise(password).encode("utf-8", "surrogatepass"), "sha256")

    def _matches(self, text: str, peppered: bytes) -> bool:
        try:
            return self._argon2.verify(text, peppered)
        except (VerificationError, InvalidHashError):
            return False

    async def _compute(self, work: Callable[[], T]) -> T:
        if not self._places.take():
            self.num_refused += 1
            raise Refusal(Kind.LIMITED, "too_many_requests", "too many log-ins at once", retry_after_s=RETRY_AFTER_S)
        try:
            future = self._pool.submit(work)
        except BaseException:
            self._places.give_back()
            raise
        # When the work has ended, not when its caller has: a cancelled caller's computation still runs.
        future.add_done_callback(lambda _: self._places.give_back())
        self.num_computed += 1
        return await asyncio.wrap_future(future)


class _Places:
    """Counts what is under way. Given back from whichever thread ends it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self.num_taken = 0

    def take(self) -> bool:
        with self._lock:
            is_free = self.num_taken < self._limit
            self.num_taken += is_free
            return is_free

    def give_back(self) -> None:
        with self._lock:
            self.num_taken -= 1


def _pepper(secret: bytes) -> bytes:
    """A key of its own: the secret serves others too."""
    return hmac.digest(secret, b"syncline password pepper v1", "sha256")


def _pepper_id(pepper: bytes) -> str:
    """Tells peppers apart and nothing about them."""
    return hashlib.sha256(pepper).hexdigest()[:_PEPPER_ID_LENGTH]


def _unmatchable(config: PasswordHashConfig) -> str:
    """A hash with today's parameters that is a random number: checking it costs what checking a real one costs."""
    parameters = f"m={config.memory_kib},t={config.iterations},p={config.parallelism}"
    salt, digest = (_base64(secrets.token_bytes(size)) for size in (SALT_BYTES, HASH_BYTES))
    return f"$argon2id$v={argon2.low_level.ARGON2_VERSION}${parameters}${salt}${digest}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")
