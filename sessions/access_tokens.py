"""Access tokens: JWTs that live for minutes, say who on which device may do what, and need no database to check.

Verification follows RFC 8725 by being narrow: the header must be, to the byte, one that we write ourselves. So key,
algorithm and type are settled before anything a stranger wrote is parsed.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec import Meta, Raw, Struct

from hub.tokens.cache import TokenCache
from hub.tokens.claims import ConnectClaims, SessionRef, TokenExpired, TokenInvalid, TokenSubscription
from hub.tokens.compact import parse_compact, parse_object
from sessions.channels import sessions_channel
from sessions.key_pair import KID_PREFIX, base64url
from sessions.principal import Principal

if TYPE_CHECKING:
    from hub.clock import Clock
    from hub.tokens.compact import Compact
    from sessions.config import TokenIssueConfig
    from sessions.key_pair import KeyPair
    from sessions.login_session import LoginSession
    from sessions.signing_keys import SigningKeys

MAX_TOKEN_BYTES: Final = 4096

_NonEmpty = Annotated[str, Meta(min_length=1, max_length=255)]


class AccessClaimSet(Struct, gc=False):
    """The payload, all of it required. Times are seconds since the epoch, with milliseconds where we write them."""

    iss: str
    aud: str
    sub: _NonEmpty
    sid: _NonEmpty
    did: _NonEmpty
    roles: list[str]
    jti: _NonEmpty
    iat: float
    nbf: float
    exp: float


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What a genuine token proves. Shared by all who present it."""

    principal: Principal
    issued_s: float
    connect: ConnectClaims


_DECODER: Final = msgspec.json.Decoder(AccessClaimSet)


class AccessTokens:
    """Issues and verifies. Event-loop thread only."""

    def __init__(self, config: TokenIssueConfig, keys: SigningKeys, clock: Clock) -> None:
        self._config = config
        self._keys = keys
        self._clock = clock
        self._cache = TokenCache[AccessClaims](config.cache_size)
        self._generation = keys.generation

    def issue(self, session: LoginSession, as_of_ms: float) -> tuple[str, int]:
        """A token for this session and the whole seconds that it lives; it never outlives the session.

        Args:
            as_of_ms: a time before which nothing of `session` was read. It is the token's `iat`, so that a change of
                roles after that is known to be newer than the token, however late this is called.

        Raises:
            NoSigningKey
        """
        issued_s = as_of_ms / 1000
        expires_s = int(min(issued_s + self._config.access_token_ttl_s, session.expires_ms / 1000))
        claim_set = AccessClaimSet(
            iss=self._config.issuer,
            aud=self._config.audience,
            sub=session.user_id,
            sid=session.id,
            did=session.device_id,
            roles=sorted(session.roles),
            jti=secrets.token_urlsafe(12),
            iat=issued_s,
            nbf=int(issued_s),
            exp=expires_s,
        )
        key = self._keys.signer()
        signing_input = f"{key.header}.{base64url(msgspec.json.encode(claim_set))}"
        return f"{signing_input}.{base64url(key.sign(signing_input.encode()))}", max(0, int(expires_s - issued_s))

    @staticmethod
    def is_ours(token: str) -> bool:
        """Whether the token says that a key of ours has signed it. Proves nothing.

        Raises:
            TokenInvalid: it is no token at all.
        """
        return parse_compact(token).header.kid.startswith(KID_PREFIX)

    async def verify(self, token: str) -> AccessClaims:
        """Check a token of ours. Waits only when it names a key that this node has not met yet.

        Raises:
            TokenExpired: genuine, but not valid at this time.
            TokenInvalid: everything else that is wrong with it, whatever the input.
            KeysUnavailable: nobody can tell now.
        """
        self._forget_if_keys_changed()
        cached = self._cache.find(token, now_s=self._clock.now_s())
        return cached or await self._verify(token)

    async def _verify(self, token: str) -> AccessClaims:
        if len(token) > MAX_TOKEN_BYTES:
            raise TokenInvalid("too long")
        compact = parse_compact(token)
        key = await self._key_of(token, compact)
        if not key.verifying.has_signed(compact.signing_input, compact.signature):
            raise TokenInvalid("signature")
        claim_set = _parse(compact.payload)
        self._check(claim_set)
        claims = _claims(claim_set)
        ends_s = claim_set.exp + self._config.leeway_s
        if key.verifies_until_ms is not None:
            ends_s = min(ends_s, key.verifies_until_ms / 1000)
        self._cache.keep(token, claims, good_until_s=ends_s)
        return claims

    async def _key_of(self, token: str, compact: Compact) -> KeyPair:
        header = token.partition(".")[0]
        key = self._keys.find(header)
        if key is None and compact.header.kid.startswith(KID_PREFIX):
            key = await self._keys.find_anew(header)
        if key is None:
            raise TokenInvalid("no key of ours for this header")
        self._forget_if_keys_changed()
        return key

    def _check(self, claim_set: AccessClaimSet) -> None:
        if claim_set.iss != self._config.issuer:
            raise TokenInvalid("not from this issuer")
        if claim_set.aud != self._config.audience:
            raise TokenInvalid("not for this audience")
        now_s, leeway_s = self._clock.now_s(), self._config.leeway_s
        if now_s >= claim_set.exp + leeway_s:
            raise TokenExpired("exp has passed")
        if now_s < max(claim_set.nbf, claim_set.iat) - leeway_s:
            raise TokenExpired("nbf or iat has not come")

    def _forget_if_keys_changed(self) -> None:
        if self._generation != self._keys.generation:
            self._generation = self._keys.generation
            self._cache.clear()


def _parse(payload: bytes) -> AccessClaimSet:
    parse_object(payload)  # refuses names that occur twice
    try:
        return _DECODER.decode(payload)
    except msgspec.DecodeError as exc:
        raise TokenInvalid(f"claims: {exc}") from None


def _claims(claim_set: AccessClaimSet) -> AccessClaims:
    roles = frozenset(claim_set.roles)
    # What the presence of the channel tells of each connection: nothing of it is a secret.
    about = Raw(msgspec.json.encode({"sid": claim_set.sid, "did": claim_set.did}))
    return AccessClaims(
        principal=Principal(claim_set.sub, claim_set.sid, claim_set.did, roles),
        issued_s=claim_set.iat,
        connect=ConnectClaims(
            user=claim_set.sub,
            expire_at_s=claim_set.exp,
            info=msgspec.UNSET,
            subs={sessions_channel(claim_set.sub): TokenSubscription(info=about)},
            meta=None,
            session=SessionRef(claim_set.sid, claim_set.did, roles, claim_set.iat),
        ),
    )
