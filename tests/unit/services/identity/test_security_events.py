"""Security events: who may send them, what they end, and once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hub.tokens.claims import KeysUnavailable
from hub.tokens.jwks import RETRY_INTERVAL_S
from services.identity.config import EventTransmitterConfig
from services.identity.linked_identities import LinkedIdentities
from services.identity.providers import IdentityProviders
from services.identity.refused import Fault, TokenRefused
from services.identity.security_events import MAX_AGE_S, MAX_EVENTS, SecurityEvents
from services.identity.seen_tokens import SeenTokens
from storage.database import Query, StorageUnavailable
from tests.support.identity_provider import (
    BEARER_TOKEN,
    CREDENTIAL_CHANGE,
    EVENT_AUDIENCE,
    ISSUER,
    LOGOUT,
    SESSION_REVOKED,
    VERIFICATION,
    IdentityProvider,
)
from tests.unit.services.identity.recorded_sessions import Ended

if TYPE_CHECKING:
    from services.identity.config import IdentityProviderConfig
    from storage.database import Database, Transaction
    from tests.support.clock import FakeClock
    from tests.unit.services.identity.recorded_sessions import RecordedSessions

AUTHORIZATION = f"Bearer {BEARER_TOKEN}"
ANN = Ended(ISSUER, "ann", "")


async def assert_refused(
    events: SecurityEvents, token: str, fault: Fault = Fault.MALFORMED, authorization: str = AUTHORIZATION
) -> None:
    refused = events.refused
    with pytest.raises(TokenRefused) as caught:
        await events.receive(token, authorization)
    assert caught.value.fault is fault
    assert events.refused == refused + 1


async def add_user(database: Database, user_id: str, email: str, *identities: tuple[str, str]) -> None:
    async def work(tx: Transaction) -> None:
        await tx.execute(
            Query("test.user", "INSERT INTO users VALUES ($1, $2, '', '', 'CUSTOMER', 'active', 0, 0)"), user_id, email
        )
        for issuer, subject in identities:
            await tx.execute(
                Query("test.identity", "INSERT INTO identities VALUES ($1, $2, $3, 0)"), issuer, subject, user_id
            )

    await database.run(work)


@pytest.mark.parametrize("event", [SESSION_REVOKED, CREDENTIAL_CHANGE])
async def test_ends_the_sessions_of_the_subject(
    events: SecurityEvents, provider: IdentityProvider, sessions: RecordedSessions, event: str
) -> None:
    await events.receive(provider.security_event(events={event: {}}), AUTHORIZATION)
    assert sessions.requests == [ANN]
    assert (events.received, events.refused, events.sessions_ended) == (1, 0, 2)


@pytest.mark.parametrize(
    ("event", "ended"), [(SESSION_REVOKED, Ended(ISSUER, "", "s-1")), (CREDENTIAL_CHANGE, Ended(ISSUER, "ann", ""))]
)
async def test_an_event_about_a_session_and_one_about_a_person(
    events: SecurityEvents, provider: IdentityProvider, sessions: RecordedSessions, event: str, ended: Ended
) -> None:
    identifier = {"format": "opaque", "id": ended.idp_sid or ended.subject}
    await events.receive(provider.security_event(sub_id=identifier, events={event: {}}), AUTHORIZATION)
    assert sessions.requests == [ended]


async def test_the_subject_may_be_in_the_event(
    events: SecurityEvents, provider: IdentityProvider, sessions: RecordedSessions
) -> None:
    """As the drafts of Shared Signals have it."""
    event = {"subject": {"user": {"format": "iss_sub", "iss": ISSUER, "sub": "bob"}}}
    await events.receive(provider.security_event(sub_id=None, events={SESSION_REVOKED: event}), AUTHORIZATION)
    await events.receive(provider.security_event(events={SESSION_REVOKED: event}), AUTHORIZATION)
    assert sessions.requests == [Ended(ISSUER, "bob", "")] * 2


async def test_a_token_counts_once_and_is_answered_alike(
    events: SecurityEvents, provider: IdentityProvider, sessions: RecordedSessions, clock: FakeClock
) -> None:
    token = provider.security_event()
    for _ in range(7):
        await events.receive(token, AUTHORIZATION)
        clock.advance(86_400 - 1)
    assert sessions.requests == [ANN]
    assert events.repeated == 6


async def test_a_token_is_remembered_as_long_as_it_would_be_accepted(
    events: SecurityEvents, provider: IdentityProvider, clock: FakeClock
) -> None:
    token = provider.security_event()
    await events.receive(token, AUTHORIZATION)
    clock.advance(MAX_AGE_S + 30 - 1)
    await events.receive(token, AUTHORIZATION)
    assert events.repeated == 1
    clock.advance(1)
    await assert_refused(events, token)


async def test_the_jti_of_a_logout_token_is_another(
    events: SecurityEvents, provider: IdentityProvider, sessions: RecordedSessions, database: Database, clock: FakeClock
) -> None:
    await SeenTokens(database, clock, "logout").remember(ISSUER, "1", until_s=clock.now_s() + 60)
    await events.receive(provider.security_event(jti="1"), AUTHORIZATION)
    assert sessions.requests == [ANN]


async def test_several_events_in_one_token(
    events: SecurityEvents, provider: IdentityProvider, sessions: RecordedSessions
) -> None:
    several = {CREDENTIAL_CHANGE: {"credential_type": "password"}, "https://example.com/unknown": {}, VERIFICATION: {}}
    await events.receive(provider.security_event(events=several), AUTHORIZATION)
    assert sessions.requests == [ANN]
    assert (events.unknown, events.untargeted) == (1, 0)


async def test_unknown_events_are_accepted_and_counted(
    events: SecurityEvents, provider: IdentityProvider, sessions: RecordedSessions
) -> None:
    for event in ("https://example.com/unknown", LOGOUT, f"{SESSION_REVOKED}/", ""):
        await events.receive(provider.security_event(events={event: {}}), AUTHORIZATION)
    assert not sessions.requests
    assert events.unknown == 4


async def test_a_verification_event_does_nothing(
    events: SecurityEvents, provider: IdentityProvider, sessions: RecordedSessions
) -> None:
    stream = {"format": "opaque", "id": "stream-1"}
    await events.receive(provider.security_event(sub_id=stream, events={VERIFICATION: {"state": "x"}}), AUTHORIZATION)
    assert not sessions.requests
    assert (events.unknown, events.untargeted) == (0, 0)


@pytest.mark.parametrize(
    "identifier",
    [
        None,
        {},
        {"format": "iss_sub", "iss": "https://other.example", "sub": "ann"},
        {"format": "iss_sub", "iss": ISSUER},
        {"format": "phone_number", "phone_number": "+12065550100"},
        {"format": "complex", "tenant": {"format": "opaque", "id": "t"}},
    ],
)
@pytest.mark.parametrize("event", [SESSION_REVOKED, CREDENTIAL_CHANGE])
async def test_events_about_nobody_we_know_are_accepted_and_counted(
    events: SecurityEvents, provider: IdentityProvider, sessions: RecordedSessions, identifier: Any, event: str
) -> None:
    await events.receive(provider.security_event(sub_id=identifier, events={event: {}}), AUTHORIZATION)
    assert not sessions.requests
    assert events.untargeted == 1


class TestByEmail:
    """Addresses, where the provider may speak for them."""

    @pytest.fixture
    def config(self, provider: IdentityProvider) -> IdentityProviderConfig:
        return provider.config(links_by_email=True)

    EMAIL = {"format": "email", "email": "Ann@Example.com"}  # noqa: RUF012  # read only

    async def test_ends_the_provider_s_sessions_of_the_account(
        self, events: SecurityEvents, provider: IdentityProvider, sessions: RecordedSessions, database: Database
    ) -> None:
        await add_user(
            database, "u1", "ann@example.com", (ISSUER, "ann"), (ISSUER, "ann-2"), ("https://other.example", "x")
        )
        await add_user(database, "u2", "bob@example.com", (ISSUER, "bob"))
        await events.receive(provider.security_event(sub_id=self.EMAIL), AUTHORIZATION)
        assert sessions.requests == [ANN, Ended(ISSUER, "ann-2", "")]

    @pytest.mark.parametrize("address", ["nobody@example.com", "no address", "%", "a@b@c", "\uff21nn@example.com"])
    async def test_nobody_has_the_address(
        self,
        events: SecurityEvents,
        provider: IdentityProvider,
        sessions: RecordedSessions,
        database: Database,
        address: str,
    ) -> None:
        await add_user(database, "u1", "ann@example.com", (ISSUER, "ann"))
        await events.receive(provider.security_event(sub_id={"format": "email", "email": address}), AUTHORIZATION)
        assert not sessions.requests
        assert events.untargeted == 1

    async def test_with_a_session_only_that(
        self, events: SecurityEvents, provider: IdentityProvider, sessions: RecordedSessions, database: Database
    ) -> None:
        both = {"format": "complex", "user": self.EMAIL, "session": {"format": "opaque", "id": "s-1"}}
        await events.receive(provider.security_event(sub_id=both), AUTHORIZATION)
        await add_user(database, "u1", "ann@example.com", (ISSUER, "ann"))
        await events.receive(provider.security_event(sub_id=both), AUTHORIZATION)
        assert sessions.requests == [Ended(ISSUER, "", "s-1"), Ended(ISSUER, "ann", "s-1")]


async def test_an_address_names_nobody_where_the_provider_may_not_link(
    events: SecurityEvents, provider: IdentityProvider, sessions: RecordedSessions, database: Database
) -> None:
    await add_user(database, "u1", "ann@example.com", (ISSUER, "ann"))
    token = provider.security_event(sub_id={"format": "email", "email": "ann@example.com"})
    await events.receive(token, AUTHORIZATION)
    assert not sessions.requests
    assert events.untargeted == 1


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        BEARER_TOKEN,
        f"Basic {BEARER_TOKEN}",
        f"Bearer {BEARER_TOKEN[:-1]}",
        f"Bearer {BEARER_TOKEN}x",
        "Bearer \udcff",
    ],
)
async def test_who_does_not_authenticate_is_not_heard(
    events: SecurityEvents, provider: IdentityProvider, sessions: RecordedSessions, authorization: str
) -> None:
    await assert_refused(events, provider.security_event(), Fault.AUTHENTICATION, authorization)
    await assert_refused(events, "not looked at", Fault.AUTHENTICATION, authorization)
    assert not sessions.requests
    assert provider.fetches == 0


@pytest.mark.parametrize("authorization", [f"bearer {BEARER_TOKEN}", f"BEARER  {BEARER_TOKEN} "])
async def test_the_scheme_is_case_insensitive(
    events: SecurityEvents, provider: IdentityProvider, authorization: str
) -> None:
    await events.receive(provider.security_event(), authorization)
    assert events.sessions_ended == 2


async def test_no_token_configured_is_no_token_accepted(
    provider: IdentityProvider, sessions: RecordedSessions, database: Database, clock: FakeClock
) -> None:
    for tokens in ((), ("",)):
        config = provider.config(events=EventTransmitterConfig(bearer_tokens=tokens, audiences=(EVENT_AUDIENCE,)))
        events = security_events([config], provider, sessions, database, clock)
        for authorization in ("", "Bearer", "Bearer "):
            await assert_refused(events, provider.security_event(), Fault.AUTHENTICATION, authorization)


async def test_two_tokens_while_one_is_replaced(
    provider: IdentityProvider, sessions: RecordedSessions, database: Database, clock: FakeClock
) -> None:
    config = provider.config(events=EventTransmitterConfig(bearer_tokens=("old", "new"), audiences=(EVENT_AUDIENCE,)))
    events = security_events([config], provider, sessions, database, clock)
    for bearer in ("old", "new"):
        await events.receive(provider.security_event(), f"Bearer {bearer}")
    assert events.sessions_ended == 4


async def test_a_transmitter_cannot_send_another_s_events(
    provider: IdentityProvider, sessions: RecordedSessions, database: Database, clock: FakeClock
) -> None:
    other = IdentityProvider(clock, "https://other.example")
    configs = [provider.config(), other.config(name="other", events=EventTransmitterConfig(bearer_tokens=("theirs",)))]
    events = security_events(configs, provider, sessions, database, clock)
    await assert_refused(events, provider.security_event(), Fault.ACCESS, "Bearer theirs")
    assert not sessions.requests


async def test_a_transmitter_with_an_issuer_of_its_own(
    provider: IdentityProvider, sessions: RecordedSessions, database: Database, clock: FakeClock
) -> None:
    transmitter = IdentityProvider(clock, "https://events.example")
    events_config = EventTransmitterConfig(
        bearer_tokens=(BEARER_TOKEN,), issuer=transmitter.issuer, jwks_url=transmitter.jwks_url
    )
    events = security_events([provider.config(events=events_config)], transmitter, sessions, database, clock)
    subject = {"format": "iss_sub", "iss": ISSUER, "sub": "ann"}
    await events.receive(transmitter.security_event(aud=provider.client_id, sub_id=subject), AUTHORIZATION)
    assert sessions.requests == [ANN]
    await assert_refused(events, provider.security_event(), Fault.ISSUER)


def security_events(
    configs: list[IdentityProviderConfig],
    fetched_from: IdentityProvider,
    sessions: RecordedSessions,
    database: Database,
    clock: FakeClock,
) -> SecurityEvents:
    providers = IdentityProviders(configs, clock, fetched_from.fetch)
    seen = SeenTokens(database, clock, "event")
    return SecurityEvents(providers, sessions, LinkedIdentities(database), seen, clock)


BAD: dict[str, tuple[dict[str, Any], Fault]] = {
    "another issuer": ({"iss": "https://evil.example"}, Fault.ISSUER),
    "no issuer": ({"iss": None}, Fault.ISSUER),
    "another audience": ({"aud": "other"}, Fault.AUDIENCE),
    "the audience of ID tokens": ({"aud": "syncline-web"}, Fault.AUDIENCE),
    "no audience": ({"aud": None}, Fault.MALFORMED),
    "no iat": ({"iat": None}, Fault.MALFORMED),
    "issued in the future": ({"iat": 1_700_000_031}, Fault.MALFORMED),
    "issued long ago": ({"iat": 1_700_000_000 - MAX_AGE_S - 30}, Fault.MALFORMED),
    "expired": ({"exp": 1_699_999_970}, Fault.MALFORMED),
    "no jti": ({"jti": None}, Fault.MALFORMED),
    "an empty jti": ({"jti": ""}, Fault.MALFORMED),
    "no events": ({"events": None}, Fault.MALFORMED),
    "empty events": ({"events": {}}, Fault.MALFORMED),
    "events a list": ({"events": [SESSION_REVOKED]}, Fault.MALFORMED),
    "an event is no object": ({"events": {SESSION_REVOKED: True}}, Fault.MALFORMED),
    "too many events": ({"events": {str(n): {} for n in range(MAX_EVENTS + 1)}}, Fault.MALFORMED),
    "sub_id is no object": ({"sub_id": "ann"}, Fault.MALFORMED),
}


@pytest.mark.parametrize(("changes", "fault"), BAD.values(), ids=BAD.keys())
async def test_rules(
    events: SecurityEvents,
    provider: IdentityProvider,
    sessions: RecordedSessions,
    changes: dict[str, Any],
    fault: Fault,
) -> None:
    await assert_refused(events, provider.security_event(**changes), fault)
    assert not sessions.requests


@pytest.mark.parametrize("typ", [None, "JWT", "logout+jwt", "at+jwt", 1])
async def test_refused_types(events: SecurityEvents, provider: IdentityProvider, typ: object) -> None:
    await assert_refused(events, provider.sign(provider.event_claims(), typ=typ))


async def test_wrong_keys_have_their_own_error(
    events: SecurityEvents, provider: IdentityProvider, clock: FakeClock
) -> None:
    await events.receive(provider.security_event(), AUTHORIZATION)
    old = provider.rotate(keep_old=False)
    clock.advance(RETRY_INTERVAL_S)
    await events.receive(provider.security_event(), AUTHORIZATION)
    await assert_refused(events, provider.sign(provider.event_claims(), key=old, typ="secevent+jwt"), Fault.KEY)


async def test_a_failure_half_way_is_repeated_as_a_whole(
    events: SecurityEvents, provider: IdentityProvider, sessions: RecordedSessions, clock: FakeClock
) -> None:
    token = provider.security_event()
    sessions.is_away = provider.is_down = True
    with pytest.raises(KeysUnavailable):
        await events.receive(token, AUTHORIZATION)
    provider.is_down = False
    clock.advance(1)
    with pytest.raises(StorageUnavailable):
        await events.receive(token, AUTHORIZATION)
    sessions.is_away = False
    await events.receive(token, AUTHORIZATION)
    assert sessions.requests == [ANN]
    assert events.repeated == 0


async def test_what_is_counted(events: SecurityEvents, provider: IdentityProvider) -> None:
    await events.receive(provider.security_event(), AUTHORIZATION)
    await assert_refused(events, "no token")
    assert events.measures() == {
        "identity_events_received": 2,
        "identity_events_refused": 1,
        "identity_events_repeated": 0,
        "identity_events_unknown": 0,
        "identity_events_untargeted": 0,
        "identity_event_sessions_ended": 2,
    }
