"""Back-Channel Logout: section 2.6 rule by rule, and once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from hub.tokens.claims import KeysUnavailable
from hub.tokens.jwks import RETRY_INTERVAL_S
from services.identity.backchannel_logout import MAX_AGE_S, BackchannelLogout
from services.identity.providers import IdentityProviders
from services.identity.refused import Fault, TokenRefused
from services.identity.seen_tokens import SeenTokens
from sessions.refusal import Kind
from storage.database import StorageUnavailable
from tests.support.identity_provider import CLIENT_ID, ISSUER, LOGOUT, SESSION_REVOKED
from tests.unit.services.identity.recorded_sessions import Ended

if TYPE_CHECKING:
    from storage.database import Database
    from tests.support.clock import FakeClock
    from tests.support.identity_provider import IdentityProvider
    from tests.unit.services.identity.recorded_sessions import RecordedSessions


async def assert_refused(logout: BackchannelLogout, token: str, fault: Fault = Fault.MALFORMED) -> None:
    refused = logout.refused
    with pytest.raises(TokenRefused) as caught:
        await logout.receive(token)
    assert (caught.value.kind, caught.value.fault) == (Kind.INVALID, fault)
    assert logout.refused == refused + 1


@pytest.mark.parametrize(
    ("changes", "ended"),
    [
        ({}, Ended(ISSUER, "ann", "idp-session-1")),
        ({"sid": None}, Ended(ISSUER, "ann", "")),
        ({"sub": None}, Ended(ISSUER, "", "idp-session-1")),
        ({"aud": ["other", CLIENT_ID]}, Ended(ISSUER, "ann", "idp-session-1")),
        (
            {"events": {LOGOUT: {"later": "addition"}, "https://example.com/another": {}}},
            Ended(ISSUER, "ann", "idp-session-1"),
        ),
        ({"trace": "claims that are not understood are ignored"}, Ended(ISSUER, "ann", "idp-session-1")),
    ],
)
async def test_ends_what_the_token_names(
    logout: BackchannelLogout,
    provider: IdentityProvider,
    sessions: RecordedSessions,
    changes: dict[str, Any],
    ended: Ended,
) -> None:
    assert await logout.receive(provider.logout_token(**changes)) == 2
    assert sessions.requests == [ended]
    assert (logout.received, logout.refused, logout.sessions_ended) == (1, 0, 2)


@pytest.mark.parametrize("typ", [None, "JWT", "logout+jwt", "LOGOUT+JWT", "application/logout+jwt"])
async def test_accepted_types(logout: BackchannelLogout, provider: IdentityProvider, typ: str | None) -> None:
    assert await logout.receive(provider.sign(provider.logout_claims(), typ=typ)) == 2


@pytest.mark.parametrize("typ", ["secevent+jwt", "at+jwt", "id+jwt", "", 1, ["logout+jwt"]])
async def test_refused_types(
    logout: BackchannelLogout, provider: IdentityProvider, sessions: RecordedSessions, typ: object
) -> None:
    if typ != "":
        await assert_refused(logout, provider.sign(provider.logout_claims(), typ=typ))
        assert not sessions.requests


async def test_a_provider_can_be_held_to_the_type(
    provider: IdentityProvider, sessions: RecordedSessions, database: Database, clock: FakeClock
) -> None:
    providers = IdentityProviders([provider.config(requires_logout_type=True)], clock, provider.fetch)
    logout = BackchannelLogout(providers, sessions, SeenTokens(database, clock, "logout"), clock)
    for typ in (None, "JWT"):
        await assert_refused(logout, provider.sign(provider.logout_claims(), typ=typ))
    assert await logout.receive(provider.logout_token()) == 2


BAD: dict[str, tuple[dict[str, Any], Fault]] = {
    "another issuer": ({"iss": "https://evil.example"}, Fault.ISSUER),
    "no issuer": ({"iss": None}, Fault.ISSUER),
    "issuer a list": ({"iss": [ISSUER]}, Fault.ISSUER),
    "another audience": ({"aud": "other"}, Fault.AUDIENCE),
    "no audience": ({"aud": None}, Fault.MALFORMED),
    "no iat": ({"iat": None}, Fault.MALFORMED),
    "issued in the future": ({"iat": 1_700_000_031}, Fault.MALFORMED),
    "issued long ago": ({"iat": 1_700_000_000 - MAX_AGE_S - 30}, Fault.MALFORMED),
    "no exp": ({"exp": None}, Fault.MALFORMED),
    "expired": ({"exp": 1_699_999_970}, Fault.MALFORMED),
    "no jti": ({"jti": None}, Fault.MALFORMED),
    "an empty jti": ({"jti": ""}, Fault.MALFORMED),
    "a jti too long": ({"jti": "j" * 256}, Fault.MALFORMED),
    "a jti with a NUL": ({"jti": "j\0"}, Fault.MALFORMED),
    "neither sub nor sid": ({"sub": None, "sid": None}, Fault.MALFORMED),
    "an empty sub": ({"sub": "", "sid": None}, Fault.MALFORMED),
    "an empty sid": ({"sub": None, "sid": ""}, Fault.MALFORMED),
    "an empty sid beside a sub": ({"sid": ""}, Fault.MALFORMED),
    "sub a number": ({"sub": 1}, Fault.MALFORMED),
    "no events": ({"events": None}, Fault.MALFORMED),
    "empty events": ({"events": {}}, Fault.MALFORMED),
    "another event": ({"events": {SESSION_REVOKED: {}}}, Fault.MALFORMED),
    "the event with a slash": ({"events": {f"{LOGOUT}/": {}}}, Fault.MALFORMED),
    "the event as https": ({"events": {LOGOUT.replace("http:", "https:"): {}}}, Fault.MALFORMED),
    "the event is no object": ({"events": {LOGOUT: True}}, Fault.MALFORMED),
    "events a list": ({"events": [LOGOUT]}, Fault.MALFORMED),
    "a nonce": ({"nonce": "n-1"}, Fault.MALFORMED),
    "an empty nonce": ({"nonce": ""}, Fault.MALFORMED),
}


@pytest.mark.parametrize(("changes", "fault"), BAD.values(), ids=BAD.keys())
async def test_rules(
    logout: BackchannelLogout,
    provider: IdentityProvider,
    sessions: RecordedSessions,
    changes: dict[str, Any],
    fault: Fault,
) -> None:
    await assert_refused(logout, provider.logout_token(**changes), fault)
    assert not sessions.requests


async def test_a_nonce_of_null_is_a_nonce(logout: BackchannelLogout, provider: IdentityProvider) -> None:
    await assert_refused(logout, provider.sign({**provider.logout_claims(), "nonce": None}, typ="logout+jwt"))


async def test_a_token_counts_once(
    logout: BackchannelLogout, provider: IdentityProvider, sessions: RecordedSessions, clock: FakeClock
) -> None:
    token = provider.logout_token()
    assert await logout.receive(token) == 2
    for _ in range(15):
        await assert_refused(logout, token)
        clock.advance(10)  # until it has expired
    assert len(sessions.requests) == 1


async def test_the_same_jti_in_another_token_counts_once(
    logout: BackchannelLogout, provider: IdentityProvider, sessions: RecordedSessions
) -> None:
    await logout.receive(provider.logout_token(jti="1"))
    await assert_refused(logout, provider.logout_token(jti="1", sub="bob"))
    assert len(sessions.requests) == 1


async def test_two_providers_may_use_the_same_jti(
    provider: IdentityProvider, sessions: RecordedSessions, database: Database, clock: FakeClock
) -> None:
    other = type(provider)(clock, "https://other.example")

    async def fetch(url: str) -> bytes:
        return await {other.jwks_url: other.fetch, provider.jwks_url: provider.fetch}[url](url)

    both = IdentityProviders([provider.config(), other.config(name="other")], clock, fetch)
    logout = BackchannelLogout(both, sessions, SeenTokens(database, clock, "logout"), clock)
    await logout.receive(provider.logout_token(jti="1"))
    await logout.receive(other.logout_token(jti="1"))
    assert sessions.requests == [Ended(ISSUER, "ann", "idp-session-1"), Ended(other.issuer, "ann", "idp-session-1")]
    await assert_refused(logout, other.logout_token(iss=ISSUER), Fault.KEY)


async def test_another_node_knows_it_too(
    logout: BackchannelLogout,
    providers: IdentityProviders,
    provider: IdentityProvider,
    database: Database,
    clock: FakeClock,
) -> None:
    token = provider.logout_token()
    await logout.receive(token)
    there = BackchannelLogout(providers, logout._sessions, SeenTokens(database, clock, "logout"), clock)
    await assert_refused(there, token)


async def test_a_token_is_not_used_up_by_a_failure(
    logout: BackchannelLogout, provider: IdentityProvider, sessions: RecordedSessions
) -> None:
    token = provider.logout_token()
    sessions.is_away = True
    with pytest.raises(StorageUnavailable):
        await logout.receive(token)
    sessions.is_away = False
    assert await logout.receive(token) == 2
    await assert_refused(logout, token)


async def test_at_once_it_may_count_twice_and_does_the_same(
    logout: BackchannelLogout, provider: IdentityProvider, sessions: RecordedSessions
) -> None:
    token = provider.logout_token()
    outcomes = await asyncio.gather(*(logout.receive(token) for _ in range(5)), return_exceptions=True)
    assert 2 in outcomes
    assert all(outcome == 2 or isinstance(outcome, TokenRefused) for outcome in outcomes)
    assert set(sessions.requests) == {Ended(ISSUER, "ann", "idp-session-1")}


async def test_rotation_of_the_provider_s_keys(
    logout: BackchannelLogout, provider: IdentityProvider, clock: FakeClock
) -> None:
    await logout.receive(provider.logout_token())
    old = provider.rotate(keep_old=False)
    clock.advance(RETRY_INTERVAL_S)
    assert await logout.receive(provider.logout_token()) == 2
    await assert_refused(logout, provider.sign(provider.logout_claims(), key=old), Fault.KEY)


async def test_invented_keys_cost_the_provider_little(logout: BackchannelLogout, provider: IdentityProvider) -> None:
    await logout.receive(provider.logout_token())
    for number in range(50):
        await assert_refused(logout, provider.sign(provider.logout_claims(), kid=f"invented-{number}"), Fault.KEY)
    assert provider.fetches == 1


async def test_keys_that_cannot_be_had(
    logout: BackchannelLogout, provider: IdentityProvider, sessions: RecordedSessions, clock: FakeClock
) -> None:
    provider.is_down = True
    token = provider.logout_token()
    with pytest.raises(KeysUnavailable):
        await logout.receive(token)
    assert not sessions.requests
    provider.is_down = False
    clock.advance(1)
    assert await logout.receive(token) == 2


async def test_what_is_counted(logout: BackchannelLogout, provider: IdentityProvider) -> None:
    await logout.receive(provider.logout_token())
    await assert_refused(logout, "no token")
    assert logout.measures() == {
        "identity_logouts_received": 2,
        "identity_logouts_refused": 1,
        "identity_logout_sessions_ended": 2,
    }
