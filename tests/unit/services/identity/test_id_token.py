"""ID tokens: who gets in, and every way not to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hub.tokens.claims import KeysUnavailable
from hub.tokens.jwks import RETRY_INTERVAL_S
from services.accounts.identity import ExternalIdentity
from services.identity.id_token import IdTokenVerifier
from services.identity.providers import IdentityProviders
from sessions.refusal import Kind, Refusal
from tests.support.identity_provider import CLIENT_ID, ISSUER, LOGOUT

if TYPE_CHECKING:
    from services.accounts.identity import IdentityVerifier
    from tests.support.clock import FakeClock
    from tests.support.identity_provider import IdentityProvider


async def assert_refused(verifier: IdTokenVerifier, token: str, issuer: str = ISSUER) -> None:
    refused = verifier.refused
    with pytest.raises(Refusal) as caught:
        await verifier.verify(issuer, token)
    assert (caught.value.kind, caught.value.code, caught.value.detail) == (Kind.UNAUTHORIZED, "invalid_credentials", "")
    assert verifier.refused == refused + 1


async def test_a_good_token_says_who_it_is(id_tokens: IdTokenVerifier, provider: IdentityProvider) -> None:
    port: IdentityVerifier = id_tokens
    assert await port.verify(ISSUER, provider.id_token()) == ExternalIdentity(
        issuer=ISSUER,
        subject="ann",
        email="ann@example.com",
        email_verified=True,
        name="Ann",
        idp_sid="idp-session-1",
        links_by_email=False,
        creates_users=True,
    )


async def test_what_the_provider_may_do_is_the_configuration_s_to_say(
    provider: IdentityProvider, clock: FakeClock
) -> None:
    config = provider.config(links_by_email=True, creates_users=False)
    verifier = IdTokenVerifier(IdentityProviders([config], clock, provider.fetch), clock)
    identity = await verifier.verify(ISSUER, provider.id_token(links_by_email=False, creates_users=True))
    assert (identity.links_by_email, identity.creates_users) == (True, False)


GOOD: dict[str, dict[str, Any]] = {
    "only what is required": {"nonce": None, "sid": None, "email": None, "email_verified": None, "name": None},
    "several audiences, asked for by us": {"aud": ["other", CLIENT_ID], "azp": CLIENT_ID},
    "one audience in a list": {"aud": [CLIENT_ID]},
    "fractions of a second": {"iat": 1_699_999_999.5},
    "a clock ahead of ours by less than the leeway": {"iat": 1_700_000_029, "nbf": 1_700_000_029},
    "expired by less than the leeway": {"exp": 1_699_999_971},
    "the longest sub": {"sub": "a" * 255},
    "Keycloak's ID": {"typ": "ID"},
    "claims that are not ours": {"roles": ["ADMIN"], "acr": 1},
}


@pytest.mark.parametrize("changes", GOOD.values(), ids=GOOD.keys())
async def test_tokens_that_are_good(
    id_tokens: IdTokenVerifier, provider: IdentityProvider, changes: dict[str, Any]
) -> None:
    identity = await id_tokens.verify(ISSUER, provider.id_token(**changes))
    assert identity.subject == changes.get("sub", "ann")


@pytest.mark.parametrize("typ", [None, "JWT", "jwt", "application/jwt"])
async def test_accepted_types(id_tokens: IdTokenVerifier, provider: IdentityProvider, typ: str | None) -> None:
    assert (await id_tokens.verify(ISSUER, provider.sign(provider.id_claims(), typ=typ))).subject == "ann"


BAD: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://evil.example"},
    "the issuer with a slash": {"iss": f"{ISSUER}/"},
    "no issuer": {"iss": None},
    "the issuer in a list": {"iss": [ISSUER]},
    "another audience": {"aud": "other-client"},
    "no audience": {"aud": None},
    "an empty audience": {"aud": []},
    "part of the audience": {"aud": CLIENT_ID[:-1]},
    "several audiences, nobody asked": {"aud": [CLIENT_ID, "other"]},
    "several audiences, another asked": {"aud": [CLIENT_ID, "other"], "azp": "other"},
    "another asked": {"azp": "other"},
    "no sub": {"sub": None},
    "an empty sub": {"sub": ""},
    "a sub too long": {"sub": "a" * 256},
    "a sub that is a number": {"sub": 42},
    "a sub with a NUL": {"sub": "ann\0"},
    "a sub with half a character": {"sub": "\ud800"},
    "no exp": {"exp": None},
    "exp as text": {"exp": "2000000000"},
    "exp true": {"exp": True},
    "exp in milliseconds": {"exp": 1_700_000_300_000},
    "exp beyond all numbers": {"exp": 10**400},
    "expired": {"exp": 1_699_999_970},
    "no iat": {"iat": None},
    "issued in the future": {"iat": 1_700_000_031},
    "issued long ago": {"iat": 1_700_000_000 - 3630, "exp": 1_700_000_000 + 36_000},
    "not yet": {"nbf": 1_700_000_031},
    "negative iat": {"iat": -1},
    "a logout's events": {"events": {LOGOUT: {}}},
    "empty events": {"events": {}},
    "Keycloak's bearer": {"typ": "Bearer"},
    "Keycloak's logout": {"typ": "Logout"},
    "typ is no text": {"typ": 1},
    "e-mail is no text": {"email": {"address": "ann@example.com"}},
}


@pytest.mark.parametrize("changes", BAD.values(), ids=BAD.keys())
async def test_claims_that_are_refused(
    id_tokens: IdTokenVerifier, provider: IdentityProvider, changes: dict[str, Any]
) -> None:
    await assert_refused(id_tokens, provider.id_token(**changes))


@pytest.mark.parametrize(
    "typ", ["logout+jwt", "secevent+jwt", "at+jwt", "application/at+jwt", "dpop+jwt", 1, ["JWT"], {"JWT": 1}]
)
async def test_types_that_are_refused(id_tokens: IdTokenVerifier, provider: IdentityProvider, typ: object) -> None:
    await assert_refused(id_tokens, provider.sign(provider.id_claims(), typ=typ))


async def test_logout_tokens_and_events_are_no_id_tokens(
    id_tokens: IdTokenVerifier, provider: IdentityProvider
) -> None:
    await assert_refused(id_tokens, provider.logout_token())
    await assert_refused(id_tokens, provider.sign(provider.logout_claims(), typ=None))
    await assert_refused(id_tokens, provider.security_event())
    event = provider.event_claims(aud=CLIENT_ID, sub="ann", exp=provider.id_claims()["exp"])
    await assert_refused(id_tokens, provider.sign(event))


@pytest.mark.parametrize("issuer", ["", "https://evil.example", f"{ISSUER}/", ISSUER.upper()])
async def test_an_issuer_that_is_not_configured(
    id_tokens: IdTokenVerifier, provider: IdentityProvider, issuer: str
) -> None:
    await assert_refused(id_tokens, provider.id_token(iss=issuer), issuer)
    assert provider.fetches == 0


async def test_one_provider_cannot_speak_for_another(provider: IdentityProvider, clock: FakeClock) -> None:
    other = type(provider)(clock, "https://other.example")

    async def fetch(url: str) -> bytes:
        return await {other.jwks_url: other.fetch, provider.jwks_url: provider.fetch}[url](url)

    verifier = IdTokenVerifier(IdentityProviders([provider.config(), other.config(name="other")], clock, fetch), clock)
    await assert_refused(verifier, other.id_token(iss=ISSUER), ISSUER)
    await assert_refused(verifier, other.id_token(iss=ISSUER), other.issuer)
    await assert_refused(verifier, provider.id_token(), other.issuer)
    assert (await verifier.verify(other.issuer, other.id_token())).issuer == other.issuer


async def test_a_nonce_that_the_caller_expects(id_tokens: IdTokenVerifier, provider: IdentityProvider) -> None:
    assert (await id_tokens.verify(ISSUER, provider.id_token(), nonce="n-1")).subject == "ann"
    for token in (provider.id_token(nonce="n-2"), provider.id_token(nonce=None)):
        with pytest.raises(Refusal):
            await id_tokens.verify(ISSUER, token, nonce="n-1")


@pytest.mark.parametrize(
    ("told", "believed"),
    [(True, True), ("true", True), (False, False), ("false", False), ("yes", False), (None, False)],
)
async def test_only_true_is_verified(
    id_tokens: IdTokenVerifier, provider: IdentityProvider, told: object, believed: bool
) -> None:
    assert (await id_tokens.verify(ISSUER, provider.id_token(email_verified=told))).email_verified is believed


@pytest.mark.parametrize("claim", ["email", "name", "sid"])
async def test_unusable_text_is_left_away(id_tokens: IdTokenVerifier, provider: IdentityProvider, claim: str) -> None:
    attribute = "idp_sid" if claim == "sid" else claim
    for text in ("a\0b", "a" * 256, "line\nbreak", ""):
        assert getattr(await id_tokens.verify(ISSUER, provider.id_token(**{claim: text})), attribute) == ""


async def test_a_token_ends(id_tokens: IdTokenVerifier, provider: IdentityProvider, clock: FakeClock) -> None:
    token = provider.id_token()
    await id_tokens.verify(ISSUER, token)
    clock.advance(300 + 30)
    await assert_refused(id_tokens, token)


async def test_rotation_of_the_provider_s_keys(
    id_tokens: IdTokenVerifier, provider: IdentityProvider, clock: FakeClock
) -> None:
    await id_tokens.verify(ISSUER, provider.id_token())
    old = provider.rotate()
    clock.advance(RETRY_INTERVAL_S)
    await id_tokens.verify(ISSUER, provider.id_token())  # an unknown key: fetched at once
    await id_tokens.verify(ISSUER, provider.sign(provider.id_claims(), key=old))
    assert provider.fetches == 2
    provider.published.remove(old)
    clock.advance(3600)
    await id_tokens.verify(ISSUER, provider.id_token())
    await assert_refused(id_tokens, provider.sign(provider.id_claims(), key=old))


async def test_nobody_can_tell_while_the_keys_cannot_be_had(
    id_tokens: IdTokenVerifier, provider: IdentityProvider, clock: FakeClock
) -> None:
    provider.is_down = True
    with pytest.raises(KeysUnavailable):
        await id_tokens.verify(ISSUER, provider.id_token())
    provider.is_down = False
    clock.advance(1)
    await id_tokens.verify(ISSUER, provider.id_token())
    provider.is_down = True
    clock.advance(3600)
    await id_tokens.verify(ISSUER, provider.id_token())  # the last keys stay in use


async def test_what_is_counted(id_tokens: IdTokenVerifier) -> None:
    await assert_refused(id_tokens, "no token")
    assert id_tokens.measures() == {"identity_id_tokens_refused": 1}
