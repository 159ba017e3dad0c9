"""From a token to its claims."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Generic, NamedTuple, TypeVar

import msgspec

from hub.clock import Clock
from hub.config import TokenConfig
from hub.tokens.cache import TokenCache
from hub.tokens.claim_set import (
    CONNECT_DECODER,
    SUBSCRIBE_DECODER,
    ClaimSet,
    connect_claims,
    parse_claim_set,
    subscribe_claims,
)
from hub.tokens.claims import ConnectClaims, SubscribeClaims, TokenInvalid
from hub.tokens.compact import Compact, parse_compact
from hub.tokens.jwks import Fetch, PublishedKeys
from hub.tokens.key_set import REMOTE_ALGORITHMS
from hub.tokens.keys import ConfiguredKeys
from hub.tokens.policy import TokenPolicy

_Set = TypeVar("_Set", bound=ClaimSet)
_Claims = TypeVar("_Claims", bound=ConnectClaims | SubscribeClaims)


class _Genuine(NamedTuple):
    """A payload whose signature was checked, and the wall-clock second until which its key is trusted."""

    payload: bytes
    trusted_until_s: float


class _Kind(Generic[_Set, _Claims]):
    """Connection or subscription tokens: how their claims are read, and those read lately."""

    def __init__(
        self, decoder: msgspec.json.Decoder[_Set], to_claims: Callable[[str, _Set], _Claims], cache_size: int
    ) -> None:
        self.decoder = decoder
        self.to_claims = to_claims
        self.cache = TokenCache[_Claims](cache_size)


class TokenVerifier:
    """Verifies tokens against one configuration. Event-loop thread only.

    Raises:
        KeyUnusable, re.error, ValueError: at construction, when the configuration cannot work.
    """

    def __init__(self, config: TokenConfig, clock: Clock, fetch: Fetch | None = None) -> None:
        """`fetch` is needed with `jwks_public_endpoint` only."""
        self._clock = clock
        self._user_id_claim = config.user_id_claim or "sub"
        self._policy = TokenPolicy(config)
        self._configured = ConfiguredKeys(config)
        self._published = _published_keys(config, clock, fetch, self._forget_all)
        self._connect = _Kind(CONNECT_DECODER, connect_claims, config.cache_size)
        self._subscribe = _Kind(SUBSCRIBE_DECODER, subscribe_claims, config.cache_size)

    async def verify_connect(self, token: str, *, ignore_expiry: bool = False) -> ConnectClaims:
        """Check a connection token. Waits only when a key set has to be fetched.

        Args:
            ignore_expiry: for `client.insecure`: neither `exp` nor `nbf` is looked at, and the claims never expire.

        Raises:
            TokenExpired: genuine, but not valid at this time.
            TokenInvalid: everything else that is wrong with it, whatever the input.
            KeysUnavailable: the key set that could tell cannot be fetched; the same token may be good later.
        """
        cached = None if ignore_expiry else self._connect.cache.find(token, now_s=self._clock.now_s())
        return cached or await self._verify(self._connect, token, ignore_expiry)

    async def verify_subscribe(self, token: str, *, ignore_expiry: bool = False) -> SubscribeClaims:
        """Check a subscription token; as verify_connect.

        Whether its user, channel and client are those of the connection is for the caller to compare.
        """
        cached = None if ignore_expiry else self._subscribe.cache.find(token, now_s=self._clock.now_s())
        return cached or await self._verify(self._subscribe, token, ignore_expiry)

    async def _verify(self, kind: _Kind[_Set, _Claims], token: str, ignore_expiry: bool) -> _Claims:
        genuine = await self._authenticate(parse_compact(token))
        user, claim_set = parse_claim_set(kind.decoder, genuine.payload, self._user_id_claim)
        claims = kind.to_claims(user, claim_set)
        self._policy.check_parties(claim_set)
        if ignore_expiry:
            return replace(claims, expire_at_s=0)
        self._policy.check_time(claim_set, now_s=self._clock.now_s())
        kind.cache.keep(token, claims, good_until_s=min(self._policy.ends_at_s(claim_set), genuine.trusted_until_s))
        return claims

    async def _authenticate(self, compact: Compact) -> _Genuine:
        """Nothing awaits between finding a published key and caching what it signed: a change in between would leave
        a token of a withdrawn key in the cache."""
        alg, kid = compact.header
        now_s = self._clock.now_s()
        key = self._configured.find_signer(alg, compact.signing_input, compact.signature, now_s=now_s)
        if key is not None:
            return _Genuine(compact.payload, key.trusted_until_s)
        if self._published is None or alg not in REMOTE_ALGORITHMS:
            raise TokenInvalid("signature" if self._configured.accepts(alg) else "algorithm not accepted")
        key = await self._published.find(kid, alg)
        if not key.has_signed(compact.signing_input, compact.signature):
            raise TokenInvalid("signature")
        return _Genuine(compact.payload, self._clock.now_s() + self._published.trusted_for_s)

    def _forget_all(self) -> None:
        self._connect.cache.clear()
        self._subscribe.cache.clear()


def _published_keys(
    config: TokenConfig, clock: Clock, fetch: Fetch | None, on_change: Callable[[], None]
) -> PublishedKeys | None:
    url = config.jwks_public_endpoint
    if not url:
        return None
    if "{{" in url:
        # Centrifugo fills these from claims of the token before its signature is checked.
        raise ValueError("jwks_public_endpoint: placeholders are not supported")
    if fetch is None:
        raise ValueError("jwks_public_endpoint: nothing was given to fetch it with")
    return PublishedKeys(url, config.jwks_refresh_interval_s, clock, fetch, on_change)
