"""Rules of `identity_providers[]`: each is somebody, says where its keys are, and is told from the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from hub.tokens.key_set import REMOTE_ALGORITHMS
from settings.rules.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from settings.accounts_model import IdentityProviderSettings
    from settings.model import Settings
    from settings.rules.finding import Rule

LOOPBACK_HOSTS: Final = ("localhost", "127.0.0.1", "::1")

MIN_BEARER_TOKEN_CHARS: Final = 32


def providers_are_complete(settings: Settings) -> Iterator[Finding]:
    for key, provider in _providers(settings):
        for name in ("name", "issuer", "jwks_url", "client_ids"):
            if not getattr(provider, name):
                yield Finding(f"{key}.{name}", "must be set")


def providers_differ(settings: Settings) -> Iterator[Finding]:
    """By name in logs, by issuer in tokens."""
    for name in ("name", "issuer"):
        seen: set[str] = set()
        for key, provider in _providers(settings):
            value = getattr(provider, name)
            if value and value in seen:
                yield Finding(f"{key}.{name}", f"{value!r} is another provider's too")
            seen.add(value)


def keys_are_reachable(settings: Settings) -> Iterator[Finding]:
    for key, provider in _providers(settings):
        for name, url in (("jwks_url", provider.jwks_url), ("events.jwks_url", provider.events.jwks_url)):
            if url:
                yield from _url_findings(f"{key}.{name}", url)


def event_issuers_differ(settings: Settings) -> Iterator[Finding]:
    """An event names its issuer and no provider. (That two providers have one issuer is told by `providers_differ`.)"""
    owners: dict[str, str] = {}
    for key, provider in _providers(settings):
        issuer = provider.events.issuer or provider.issuer
        if issuer and owners.setdefault(issuer, provider.issuer) != provider.issuer:
            name = "events.issuer" if provider.events.issuer else "issuer"
            yield Finding(f"{key}.{name}", f"{issuer!r} is the issuer of another provider's events")


def signatures_prove_something(settings: Settings) -> Iterator[Finding]:
    """Only what the published keys of others are read for: signatures, never shared secrets."""
    for key, provider in _providers(settings):
        unknown = sorted(set(provider.algorithms) - REMOTE_ALGORITHMS)
        if unknown or not provider.algorithms:
            allowed = ", ".join(sorted(REMOTE_ALGORITHMS))
            yield Finding(f"{key}.algorithms", f"must be some of {allowed}")


def intervals_pass(settings: Settings) -> Iterator[Finding]:
    for key, provider in _providers(settings):
        if not provider.jwks_refresh_interval:
            yield Finding(f"{key}.jwks_refresh_interval", "must be more than 0s")


def events_are_complete(settings: Settings) -> Iterator[Finding]:
    for key, provider in _providers(settings):
        events = provider.events
        if any(len(token.get_secret_value()) < MIN_BEARER_TOKEN_CHARS for token in events.bearer_tokens):
            yield Finding(f"{key}.events.bearer_tokens", f"holds one shorter than {MIN_BEARER_TOKEN_CHARS} characters")
        if not events.bearer_tokens and (events.issuer or events.jwks_url or events.audiences):
            yield Finding(f"{key}.events", "would be ignored: events.bearer_tokens is not set")


def links_are_meant(settings: Settings) -> Iterator[Finding]:
    for key, provider in _providers(settings):
        if provider.links_by_email:
            message = "whoever this provider gives a verified address to gets the account that has it here"
            yield Finding(f"{key}.links_by_email", message, is_warning=True)


def _providers(settings: Settings) -> Iterator[tuple[str, IdentityProviderSettings]]:
    for index, provider in enumerate(settings.identity_providers):
        yield f"identity_providers[{index}]", provider


def _url_findings(key: str, url: str) -> Iterator[Finding]:
    try:
        scheme, host = urlsplit(url).scheme, urlsplit(url).hostname
    except ValueError:
        scheme, host = "", None
    if scheme not in {"https", "http"} or not host:
        yield Finding(key, "must be an https:// or http:// URL")
    elif scheme == "http" and host not in LOOPBACK_HOSTS:
        yield Finding(key, "is fetched without TLS: whoever is on the way could hand out keys", is_warning=True)


RULES: Final[tuple[Rule, ...]] = (
    providers_are_complete,
    providers_differ,
    event_issuers_differ,
    keys_are_reachable,
    signatures_prove_something,
    intervals_pass,
    events_are_complete,
    links_are_meant,
)
