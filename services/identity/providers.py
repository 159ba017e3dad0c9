"""The providers of the configuration, by issuer, each with its published keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.tokens.jwks import PublishedKeys
from hub.tokens.key_set import REMOTE_ALGORITHMS
from services.identity.signed_token import TrustedIssuer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hub.clock import Clock
    from hub.tokens.jwks import Fetch
    from services.identity.config import IdentityProviderConfig


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """One provider: `trusted` signs ID and logout tokens, `transmitter` security events."""

    config: IdentityProviderConfig
    trusted: TrustedIssuer
    transmitter: TrustedIssuer


class IdentityProviders:
    """All of them. Event-loop thread only.

    Raises:
        ValueError: at construction: two with one issuer, no client id, an algorithm that is unknown or symmetric.
    """

    def __init__(self, configs: Iterable[IdentityProviderConfig], clock: Clock, fetch: Fetch) -> None:
        """`fetch` gets the documents at `jwks_url`; a failed one leaves the keys that are there (`hub.tokens.jwks`)."""
        self._by_issuer: dict[str, IdentityProvider] = {}
        for config in configs:
            _check(config)
            if config.issuer in self._by_issuer:
                raise ValueError(f"identity provider {config.name}: another one has its issuer")
            self._by_issuer[config.issuer] = _provider(config, clock, fetch)
        self._by_transmitter = _unambiguous(self._by_issuer.values())

    def of_issuer(self, issuer: object) -> IdentityProvider | None:
        """The provider whose ID and logout tokens have this `iss`, letter by letter."""
        return self._by_issuer.get(issuer) if isinstance(issuer, str) else None

    def of_transmitter(self, issuer: object) -> IdentityProvider | None:
        """The provider whose security events have this `iss`."""
        return self._by_transmitter.get(issuer) if isinstance(issuer, str) else None

    def __iter__(self) -> Iterator[IdentityProvider]:
        return iter(self._by_issuer.values())


def _check(config: IdentityProviderConfig) -> None:
    if not config.issuer or not config.jwks_url or not all(config.client_ids) or not config.client_ids:
        raise ValueError(f"identity provider {config.name}: needs an issuer, a jwks_url and client_ids")
    if not config.algorithms or not REMOTE_ALGORITHMS.issuperset(config.algorithms):
        raise ValueError(
            f"identity provider {config.name}: algorithms are some of {', '.join(sorted(REMOTE_ALGORITHMS))}"
        )


def _provider(config: IdentityProviderConfig, clock: Clock, fetch: Fetch) -> IdentityProvider:
    def keys(url: str) -> PublishedKeys:
        return PublishedKeys(url, config.jwks_refresh_interval_s, clock, fetch, on_change=_nothing_is_cached)

    def trusted(issuer: str, audiences: tuple[str, ...], keys: PublishedKeys) -> TrustedIssuer:
        return TrustedIssuer(issuer, frozenset(audiences), frozenset(config.algorithms), config.leeway_s, keys)

    events, own_keys = config.events, keys(config.jwks_url)
    event_keys = own_keys if events.jwks_url in {"", config.jwks_url} else keys(events.jwks_url)
    return IdentityProvider(
        config,
        trusted(config.issuer, config.client_ids, own_keys),
        trusted(events.issuer or config.issuer, events.audiences or config.client_ids, event_keys),
    )


def _unambiguous(providers: Iterable[IdentityProvider]) -> dict[str, IdentityProvider]:
    by_transmitter: dict[str, IdentityProvider] = {}
    for provider in providers:
        if by_transmitter.setdefault(provider.transmitter.issuer, provider) is not provider:
            raise ValueError(f"identity provider {provider.config.name}: another one has the issuer of its events")
    return by_transmitter


def _nothing_is_cached() -> None:
    """Tokens of providers are used once, so none is remembered that a withdrawn key has signed."""
