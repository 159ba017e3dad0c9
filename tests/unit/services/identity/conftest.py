from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.identity.backchannel_logout import BackchannelLogout
from services.identity.id_token import IdTokenVerifier
from services.identity.linked_identities import LinkedIdentities
from services.identity.providers import IdentityProviders
from services.identity.security_events import SecurityEvents
from services.identity.seen_tokens import SeenTokens
from tests.support.clock import FakeClock
from tests.support.identity_provider import IdentityProvider
from tests.unit.services.identity.recorded_sessions import RecordedSessions

if TYPE_CHECKING:
    from services.identity.config import IdentityProviderConfig
    from storage.database import Database, Storage


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def provider(clock: FakeClock) -> IdentityProvider:
    return IdentityProvider(clock)


@pytest.fixture
def config(provider: IdentityProvider) -> IdentityProviderConfig:
    """What the readers below are told; a test module that needs another has a fixture of this name."""
    return provider.config()


@pytest.fixture
def providers(config: IdentityProviderConfig, provider: IdentityProvider, clock: FakeClock) -> IdentityProviders:
    return IdentityProviders([config], clock, provider.fetch)


@pytest.fixture
def sessions() -> RecordedSessions:
    return RecordedSessions()


@pytest.fixture
def database(storage: Storage) -> Database:
    return storage.auth


@pytest.fixture
def id_tokens(providers: IdentityProviders, clock: FakeClock) -> IdTokenVerifier:
    return IdTokenVerifier(providers, clock)


@pytest.fixture
def logout(
    providers: IdentityProviders, sessions: RecordedSessions, database: Database, clock: FakeClock
) -> BackchannelLogout:
    return BackchannelLogout(providers, sessions, SeenTokens(database, clock, "logout"), clock)


@pytest.fixture
def events(
    providers: IdentityProviders, sessions: RecordedSessions, database: Database, clock: FakeClock
) -> SecurityEvents:
    return SecurityEvents(providers, sessions, LinkedIdentities(database), SeenTokens(database, clock, "event"), clock)
