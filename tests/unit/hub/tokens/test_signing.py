from __future__ import annotations

import jwt
import pytest

from hub.config import TokenConfig
from hub.tokens.claims import TokenExpired
from hub.tokens.signing import sign_connect, sign_subscribe
from hub.tokens.verifier import TokenVerifier
from tests.support.clock import FakeClock
from tests.unit.hub.tokens.at_once import at_once

SECRET = "secret"


@pytest.fixture
def verifier(clock: FakeClock) -> TokenVerifier:
    return TokenVerifier(TokenConfig(hmac_secrets=((SECRET, 0),)), clock)


def test_a_connection_token_holds_for_its_ttl(clock: FakeClock, verifier: TokenVerifier) -> None:
    token = sign_connect(SECRET, "42", 60, clock, channels=["news"], info={"name": "Alice"})
    claims = at_once(verifier.verify_connect(token))
    assert (claims.user, claims.expire_at_s, list(claims.subs)) == ("42", clock.now_s() + 60, ["news"])
    clock.advance(60)
    with pytest.raises(TokenExpired):
        at_once(verifier.verify_connect(token))


def test_a_subscription_token_names_its_channel(clock: FakeClock, verifier: TokenVerifier) -> None:
    claims = at_once(verifier.verify_subscribe(sign_subscribe(SECRET, "42", "$chat", 60, clock, client="c1")))
    assert (claims.user, claims.channel, claims.client) == ("42", "$chat", "c1")


def test_a_ttl_of_0_never_expires(clock: FakeClock, verifier: TokenVerifier) -> None:
    token = sign_connect(SECRET, "42", 0, clock)
    clock.advance(10 * 365 * 86400)
    assert at_once(verifier.verify_connect(token)).expire_at_s == 0


def test_given_claims_win(clock: FakeClock) -> None:
    token = sign_connect(SECRET, "42", 60, clock, sub="43", exp=5)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims == {"sub": "43", "exp": 5, "iat": int(clock.now_s())}
