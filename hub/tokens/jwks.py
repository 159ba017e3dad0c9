"""The identity provider's current keys: fetched when a token needs them, kept between."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from math import inf
from typing import Final

from hub.clock import Clock
from hub.tokens.claims import KeysUnavailable, TokenInvalid
from hub.tokens.key_set import EMPTY, KeySetUnusable, parse_key_set
from hub.tokens.keys import VerifyingKey

Fetch = Callable[[str], Awaitable[bytes]]
"""Get the document at a URL. Raises FetchFailed, and nothing else for what a network or a peer can do."""

FETCH_DEADLINE_S: Final = 5
RETRY_INTERVAL_S: Final = 10
"""Least time between two fetches once there are keys: what a flood of invented `kid`s can cost the provider.

Longer than FETCH_DEADLINE_S, so that whoever finds a fetch under way need not begin another.
"""
FIRST_KEYS_RETRY_INTERVAL_S: Final = 1
"""The same while there are none, when every client is turned away for want of them."""

logger = logging.getLogger(__name__)


class FetchFailed(Exception):
    """The document could not be had. The text is for logs and does not quote the document."""


class PublishedKeys:
    """A JWK set behind a URL.

    Invariants:
        JWKS-1  at most one fetch is under way; everyone who needs it waits for that one.
        JWKS-2  fetches start at least RETRY_INTERVAL_S apart, whatever tokens ask for (a cancelled one is no fetch).
        JWKS-3  a failed fetch changes nothing: the last keys that were read stay in use, however old.
        JWKS-4  a document past its refresh interval keeps one caller waiting, not those whose key it has.

    The fetch runs in the call that needs it, so there is no task to own; if that call is cancelled, the next one that
    waits takes over. Event-loop thread only.
    """

    def __init__(
        self, url: str, refresh_interval_s: float, clock: Clock, fetch: Fetch, on_change: Callable[[], None]
    ) -> None:
        """`on_change` is called when the document differs from the last one: keys may have been withdrawn."""
        self._url = url
        self._refresh_interval_s = refresh_interval_s
        self._clock = clock
        self._fetch = fetch
        self._on_change = on_change
        self._key_set = EMPTY
        self._fetched_at_s = -inf
        self._attempted_at_s = -inf
        self._attempts_ended = 0
        self._fetching = asyncio.Lock()

    async def find(self, kid: str, alg: str) -> VerifyingKey:
        """The key of this id for this algorithm. Waits only for a fetch.

        Raises:
            TokenInvalid: the provider publishes no such key, as of at most RETRY_INTERVAL_S ago.
            KeysUnavailable: nobody can tell, because the document cannot be had.
        """
        if self._needs_fetch(kid):
            await self._refresh()
        key = self._key_set.keys.get((kid, alg))
        if key is not None:
            return key
        if kid in self._key_set.kids or self._age_s() <= RETRY_INTERVAL_S:
            raise TokenInvalid("no key of this kid for this algorithm")
        raise KeysUnavailable("the key set cannot be fetched")

    @property
    def trusted_for_s(self) -> float:
        """Seconds for which a key that was just found may be used without asking again."""
        return max(self._refresh_interval_s - self._age_s(), RETRY_INTERVAL_S)

    def _needs_fetch(self, kid: str) -> bool:
        if kid not in self._key_set.kids:
            return self._fetching.locked() or self._may_attempt()
        return self._age_s() >= self._refresh_interval_s and self._may_attempt()

    def _age_s(self) -> float:
        return self._clock.monotonic_s() - self._fetched_at_s

    def _may_attempt(self) -> bool:
        interval_s = RETRY_INTERVAL_S if self._key_set.kids else FIRST_KEYS_RETRY_INTERVAL_S
        return self._clock.monotonic_s() - self._attempted_at_s >= interval_s

    async def _refresh(self) -> None:
        attempts_ended = self._attempts_ended
        async with self._fetching:
            if self._attempts_ended == attempts_ended:
                await self._attempt()

    async def _attempt(self) -> None:
        self._attempted_at_s = self._clock.monotonic_s()
        try:
            async with asyncio.timeout(FETCH_DEADLINE_S):
                document = await self._fetch(self._url)
            self._replace(document)
        except (FetchFailed, KeySetUnusable, TimeoutError) as exc:
            reason = str(exc) or f"no answer within {FETCH_DEADLINE_S} s"
            logger.warning("jwks_not_refreshed", extra={"reason": reason, "kept_keys": len(self._key_set.kids)})
        self._attempts_ended += 1

    def _replace(self, document: bytes) -> None:
        key_set = parse_key_set(document)
        self._fetched_at_s = self._clock.monotonic_s()
        if key_set != self._key_set:
            self._key_set = key_set
            self._on_change()
