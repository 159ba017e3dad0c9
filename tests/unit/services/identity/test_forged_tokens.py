"""Forged tokens, and tokens of one kind shown as another, to all three readers."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.config import TokenConfig
from hub.tokens.claims import TokenInvalid
from hub.tokens.verifier import TokenVerifier
from services.identity.id_token import IdTokenVerifier
from services.identity.providers import IdentityProviders
from services.identity.refused import Fault, TokenRefused
from services.identity.signed_token import read_token
from sessions.refusal import Refusal
from storage.sqlite import open_sqlite
from tests.support.clock import FakeClock
from tests.support.identity_provider import BEARER_TOKEN, ISSUER, IdentityProvider
from tests.unit.services.identity.forgeries import FORGERIES, ec_key, encode, rsa_key, sign_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from services.identity.backchannel_logout import BackchannelLogout
    from services.identity.config import IdentityProviderConfig
    from services.identity.security_events import SecurityEvents
    from storage.database import Database
    from tests.unit.services.identity.recorded_sessions import RecordedSessions

AUTHORIZATION = f"Bearer {BEARER_TOKEN}"
EACH_FORGERY = pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())


@pytest.fixture
def provider(clock: FakeClock) -> IdentityProvider:
    """Publishes keys of three kinds, all to be tried; only two algorithms are allowed."""
    provider = IdentityProvider(clock)
    provider.published += [rsa_key("rsa-1"), ec_key("ec-1")]
    return provider


@pytest.fixture
def config(provider: IdentityProvider) -> IdentityProviderConfig:
    return provider.config(algorithms=("EdDSA", "RS256"))


@pytest.fixture
async def database(sqlite_template: Path, tmp_path: Path) -> AsyncIterator[Database]:
    """One is enough: what is forged never gets as far."""
    path = tmp_path / "syncline.db"
    shutil.copyfile(sqlite_template, path)
    async with open_sqlite(path) as opened:
        yield opened


@EACH_FORGERY
async def test_no_forgery_is_an_id_token(id_tokens: IdTokenVerifier, provider: IdentityProvider, forge: Any) -> None:
    with pytest.raises(Refusal):
        await id_tokens.verify(ISSUER, forge(provider, provider.id_claims(), {"typ": "JWT"}))


@EACH_FORGERY
async def test_no_forgery_logs_out(
    logout: BackchannelLogout, provider: IdentityProvider, sessions: RecordedSessions, forge: Any
) -> None:
    with pytest.raises(TokenRefused):
        await logout.receive(forge(provider, provider.logout_claims(), {"typ": "logout+jwt"}))
    assert not sessions.requests


@EACH_FORGERY
async def test_no_forgery_is_an_event(
    events: SecurityEvents, provider: IdentityProvider, sessions: RecordedSessions, forge: Any
) -> None:
    with pytest.raises(TokenRefused) as caught:
        await events.receive(forge(provider, provider.event_claims(), {"typ": "secevent+jwt"}), AUTHORIZATION)
    assert caught.value.fault in {Fault.MALFORMED, Fault.KEY}
    assert not sessions.requests


async def test_what_the_forgeries_start_from_is_good(
    id_tokens: IdTokenVerifier,
    logout: BackchannelLogout,
    events: SecurityEvents,
    provider: IdentityProvider,
) -> None:
    for key in (provider.key, rsa_key("rsa-1")):
        assert (
            await id_tokens.verify(ISSUER, provider.sign(provider.id_claims(), key=key, typ="JWT"))
        ).subject == "ann"
    assert await logout.receive(provider.sign(provider.logout_claims(), typ="logout+jwt")) == 2
    await events.receive(provider.sign(provider.event_claims(), typ="secevent+jwt"), AUTHORIZATION)
    assert events.sessions_ended == 2


@pytest.mark.parametrize("typ", [None, "JWT", "at+jwt", "secevent+jwt", "id+jwt"])
async def test_an_id_token_logs_nobody_out(
    logout: BackchannelLogout, provider: IdentityProvider, sessions: RecordedSessions, typ: str | None
) -> None:
    for claims in (provider.id_claims(), provider.id_claims(nonce=None, jti="1")):
        with pytest.raises(TokenRefused):
            await logout.receive(provider.sign(claims, typ=typ))
    assert not sessions.requests


@pytest.mark.parametrize("typ", [None, "JWT", "logout+jwt", "secevent+jwt"])
async def test_a_logout_token_opens_nothing_and_is_no_event(
    id_tokens: IdTokenVerifier,
    events: SecurityEvents,
    provider: IdentityProvider,
    sessions: RecordedSessions,
    typ: str | None,
) -> None:
    token = provider.sign(provider.logout_claims(), typ=typ)
    with pytest.raises(Refusal):
        await id_tokens.verify(ISSUER, token)
    with pytest.raises(TokenRefused):
        await events.receive(token, AUTHORIZATION)
    assert not sessions.requests


@pytest.mark.parametrize("typ", [None, "JWT", "logout+jwt", "secevent+jwt"])
async def test_an_event_opens_nothing_and_is_no_logout(
    id_tokens: IdTokenVerifier,
    logout: BackchannelLogout,
    provider: IdentityProvider,
    sessions: RecordedSessions,
    typ: str | None,
) -> None:
    claims = provider.event_claims(aud=provider.client_id, sub="ann", exp=int(provider.clock.now_s()) + 60)
    token = provider.sign(claims, typ=typ)
    with pytest.raises(Refusal):
        await id_tokens.verify(ISSUER, token)
    with pytest.raises(TokenRefused):
        await logout.receive(token)
    assert not sessions.requests


async def test_logout_tokens_and_events_open_no_connection(provider: IdentityProvider, clock: FakeClock) -> None:
    """Where the same provider's tokens are connection tokens too."""
    hub = TokenVerifier(TokenConfig(jwks_public_endpoint=provider.jwks_url), clock, provider.fetch)
    for token in (provider.logout_token(), provider.security_event()):
        with pytest.raises(TokenInvalid):
            await hub.verify_connect(token)


async def test_names_that_occur_twice_are_refused_though_signed(
    logout: BackchannelLogout, provider: IdentityProvider, sessions: RecordedSessions
) -> None:
    header = json.dumps({"alg": "EdDSA", "kid": "key-1", "typ": "logout+jwt"})
    payload = json.dumps(provider.logout_claims())
    twice = f'{payload[:-1]}, "sub": "bob"}}'
    with pytest.raises(TokenRefused):
        await logout.receive(sign_text(provider, header, twice))
    assert not sessions.requests
    assert await logout.receive(sign_text(provider, header, payload)) == 2


@pytest.mark.parametrize("payload", ["", "null", "[]", '"text"', "{", "[" * 5000, '{"iss": ' * 800, "{}"])
async def test_signed_payloads_that_are_no_claims(
    logout: BackchannelLogout, provider: IdentityProvider, payload: str
) -> None:
    header = json.dumps({"alg": "EdDSA", "kid": "key-1", "typ": "logout+jwt"})
    with pytest.raises(TokenRefused):
        await logout.receive(sign_text(provider, header, payload))


CLOCK = FakeClock()
PROVIDER = IdentityProvider(CLOCK)
GOOD = PROVIDER.id_token()
HEAD, BODY, SIGNATURE = GOOD.split(".")


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=80).map(encode).map(lambda part: f"{part}.{BODY}.{SIGNATURE}"))
def test_any_text_is_refused_and_nothing_else(token: str) -> None:
    with pytest.raises(TokenRefused):
        read_token(token, frozenset({"never"}))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@given(
    header=st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jku", "x"]), json_values),
    position=st.integers(0, len(GOOD) - 1),
    letter=st.sampled_from("ABCabc019-_.= "),
)
async def test_a_changed_token_is_refused(header: dict[str, Any], position: int, letter: str) -> None:
    """Any other header, and any other letter, over a good token."""
    verifier = IdTokenVerifier(IdentityProviders([PROVIDER.config()], CLOCK, PROVIDER.fetch), CLOCK)
    changed = {
        GOOD[:position] + letter + GOOD[position + 1 :],
        f"{encode(json.dumps(header).encode())}.{BODY}.{SIGNATURE}",
    }
    for token in changed - {GOOD}:
        with pytest.raises(Refusal):
            await verifier.verify(ISSUER, token)
