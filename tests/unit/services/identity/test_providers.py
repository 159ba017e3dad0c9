"""Which configurations of providers can work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.identity.config import EventTransmitterConfig
from services.identity.providers import IdentityProviders
from tests.support.identity_provider import BEARER_TOKEN, ISSUER

if TYPE_CHECKING:
    from tests.support.clock import FakeClock
    from tests.support.identity_provider import IdentityProvider


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": ""},
        {"jwks_url": ""},
        {"client_ids": ()},
        {"client_ids": ("web", "")},
        {"algorithms": ()},
        {"algorithms": ("RS256", "HS256")},
        {"algorithms": ("none",)},
        {"algorithms": ("XX1",)},
    ],
)
def test_configurations_that_cannot_work(provider: IdentityProvider, clock: FakeClock, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="identity provider example"):
        IdentityProviders([provider.config(**changes)], clock, provider.fetch)


def test_one_issuer_is_one_provider(provider: IdentityProvider, clock: FakeClock) -> None:
    with pytest.raises(ValueError, match="identity provider second"):
        IdentityProviders([provider.config(), provider.config(name="second")], clock, provider.fetch)


def test_one_transmitter_is_one_provider_s(provider: IdentityProvider, clock: FakeClock) -> None:
    second = provider.config(
        name="second", issuer="https://other.example", events=EventTransmitterConfig(issuer=ISSUER)
    )
    with pytest.raises(ValueError, match="identity provider second"):
        IdentityProviders([provider.config(), second], clock, provider.fetch)


def test_found_by_issuer_only(providers: IdentityProviders) -> None:
    assert [found.config.name for found in providers] == ["example"]
    assert providers.of_issuer(ISSUER) is providers.of_transmitter(ISSUER) is not None
    others: tuple[object, ...] = ("", f"{ISSUER}/", None, 1, [ISSUER], {})
    for issuer in others:
        assert providers.of_issuer(issuer) is None
        assert providers.of_transmitter(issuer) is None


def test_bearer_tokens_are_not_shown(provider: IdentityProvider) -> None:
    assert BEARER_TOKEN not in repr(provider.config())
