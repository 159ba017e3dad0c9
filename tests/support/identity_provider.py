"""An OpenID provider with keys of its own: it signs what it should, and whatever else a test wants."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from hub.tokens.jwks import FetchFailed
from services.identity.config import EventTransmitterConfig, IdentityProviderConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.clock import Clock

ISSUER = "https://id.example"
CLIENT_ID = "syncline-web"
EVENT_AUDIENCE = "https://syncline.example/events"
BEARER_TOKEN = "transmitter-token-0123456789abcdef"
LOGOUT = "http://schemas.openid.net/event/backchannel-logout"
SESSION_REVOKED = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
CREDENTIAL_CHANGE = "https://schemas.openid.net/secevent/caep/event-type/credential-change"
VERIFICATION = "https://schemas.openid.net/secevent/ssf/event-type/verification"

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Claims = dict[str, Any]


@dataclass(frozen=True)
class ProviderKey:
    """A private key, what it signs with, and what it is called."""

    kid: str
    alg: str = "EdDSA"
    private: PrivateKey = field(default_factory=ed25519.Ed25519PrivateKey.generate, repr=False)

    def jwk(self) -> dict[str, Any]:
        described = jwt.get_algorithm_by_name(self.alg).to_jwk(self.private.public_key(), as_dict=True)
        return {**described, "kid": self.kid, "alg": self.alg, "use": "sig"}


class IdentityProvider:
    """One provider. `fetch` implements `hub.tokens.jwks.Fetch`; `document` is what to serve over HTTP.

    Claims given by name replace the valid ones, None removes one.
    """

    def __init__(self, clock: Clock, issuer: str = ISSUER, client_id: str = CLIENT_ID) -> None:
        self.clock = clock
        self.issuer = issuer
        self.client_id = client_id
        self.jwks_url = f"{issuer}/jwks.json"
        self.key = ProviderKey("key-1")
        self.published = [self.key]
        self.is_down = False
        self.fetches = 0
        self._numbers = count(1)

    def config(self, **changes: Any) -> IdentityProviderConfig:
        """How Syncline is told of it."""
        options: dict[str, Any] = {
            "name": "example",
            "issuer": self.issuer,
            "jwks_url": self.jwks_url,
            "client_ids": (self.client_id,),
            "events": EventTransmitterConfig(bearer_tokens=(BEARER_TOKEN,), audiences=(EVENT_AUDIENCE,)),
        }
        return IdentityProviderConfig(**(options | changes))

    def document(self) -> bytes:
        return json.dumps({"keys": [key.jwk() for key in self.published]}).encode()

    async def fetch(self, url: str) -> bytes:
        assert url == self.jwks_url
        self.fetches += 1
        if self.is_down:
            raise FetchFailed("HTTP status 503")
        return self.document()

    def rotate(self, *, keep_old: bool = True) -> ProviderKey:
        """Sign with a new key from now on; the one before it. Without `keep_old` that one is withdrawn."""
        old, self.key = self.key, ProviderKey(f"key-{len(self.published) + 1}")
        self.published = [*(self.published if keep_old else []), self.key]
        return old

    def id_claims(self, **changes: Any) -> Claims:
        valid = {
            "sub": "ann",
            "exp": self._now_s() + 300,
            "nonce": "n-1",
            "sid": "idp-session-1",
            "email": "ann@example.com",
            "email_verified": True,
            "name": "Ann",
        }
        return self._claims(self.client_id, valid, changes)

    def id_token(self, **changes: Any) -> str:
        return self.sign(self.id_claims(**changes))

    def logout_claims(self, **changes: Any) -> Claims:
        valid = {
            "sub": "ann",
            "sid": "idp-session-1",
            "exp": self._now_s() + 120,
            "jti": self._next_jti(),
            "events": {LOGOUT: {}},
        }
        return self._claims(self.client_id, valid, changes)

    def logout_token(self, **changes: Any) -> str:
        return self.sign(self.logout_claims(**changes), typ="logout+jwt")

    def event_claims(self, **changes: Any) -> Claims:
        valid = {
            "jti": self._next_jti(),
            "sub_id": {"format": "iss_sub", "iss": self.issuer, "sub": "ann"},
            "events": {SESSION_REVOKED: {"event_timestamp": self._now_s()}},
        }
        return self._claims(EVENT_AUDIENCE, valid, changes)

    def security_event(self, **changes: Any) -> str:
        return self.sign(self.event_claims(**changes), typ="secevent+jwt")

    def sign(self, claims: Mapping[str, Any], *, key: ProviderKey | None = None, **headers: Any) -> str:
        """A token of any claims; `headers` are added, `typ=None` removes it."""
        signer = key or self.key
        return jwt.PyJWS().encode(
            json.dumps(claims).encode(), signer.private, signer.alg, headers={"kid": signer.kid, **headers}
        )

    def _claims(self, audience: str, valid: Claims, changes: Claims) -> Claims:
        claims = {"iss": self.issuer, "aud": audience, "iat": self._now_s(), **valid, **changes}
        return {name: value for name, value in claims.items() if value is not None}

    def _next_jti(self) -> str:
        return f"jti-{next(self._numbers)}"

    def _now_s(self) -> int:
        return int(self.clock.now_s())
