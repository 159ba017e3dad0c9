"""Rules of token keys: they parse, they are what their option says, there is one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from hub.config import TokenConfig
from hub.tokens.keys import ConfiguredKeys, KeyUnusable
from settings.rules.channel import regex_complaint
from settings.rules.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from settings.client_model import TokenSettings
    from settings.model import Settings
    from settings.rules.finding import Rule

MIN_HMAC_BYTES: Final = 32
"""RFC 7518 section 3.2: a key of HS256 has at least the size of the hash."""
LOOPBACK_HOSTS: Final = ("localhost", "127.0.0.1", "::1")
USER_ID_CLAIM: Final = re.compile("[a-zA-Z_]+")

_KEY_NAMES: Final = (
    "hmac_secret_key",
    "rsa_public_key",
    "ecdsa_public_key",
    "eddsa_public_key",
    "jwks_public_endpoint",
)

_TOKENLESS: Final = ("insecure", "allow_anonymous_connect_without_token", "user_id_http_header")
"""Options of `client` with which connections need no token."""


def _blocks(settings: Settings) -> Iterator[tuple[str, TokenSettings]]:
    """The blocks of token options in effect, with their keys."""
    yield "client.token", settings.client.token
    if settings.client.subscription_token.enabled:
        yield "client.subscription_token", settings.client.subscription_token


def has_key(token: TokenSettings) -> bool:
    """Whether any key could verify a token."""
    return any((
        token.hmac_secret_key.get_secret_value(),
        token.rsa_public_key,
        token.ecdsa_public_key,
        token.eddsa_public_key,
        token.jwks_public_endpoint,
    ))  # fmt: skip


def keys_are_usable(settings: Settings) -> Iterator[Finding]:
    for key, token in _blocks(settings):
        for name, config in _single_keys(token):
            complaint = _key_complaint(config)
            if complaint:
                yield Finding(f"{key}.{name}", complaint)


def hmac_keys_are_long(settings: Settings) -> Iterator[Finding]:
    for key, token in _blocks(settings):
        for name in ("hmac_secret_key", "hmac_previous_secret_key"):
            size = len(getattr(token, name).get_secret_value().encode())
            if 0 < size < MIN_HMAC_BYTES:
                message = f"is shorter than {MIN_HMAC_BYTES} bytes: whoever has a token could guess it"
                yield Finding(f"{key}.{name}", message, is_warning=True)


def rotation_is_complete(settings: Settings) -> Iterator[Finding]:
    for key, token in _blocks(settings):
        has_previous = bool(token.hmac_previous_secret_key.get_secret_value())
        if has_previous and not token.hmac_secret_key.get_secret_value():
            message = "needs hmac_secret_key: it is the key before that one"
            yield Finding(f"{key}.hmac_previous_secret_key", message, (f"{key}.hmac_secret_key",))
        if token.hmac_previous_secret_key_valid_until and not has_previous:
            message = "would be ignored: hmac_previous_secret_key is not set"
            rests_on = (f"{key}.hmac_previous_secret_key",)
            yield Finding(f"{key}.hmac_previous_secret_key_valid_until", message, rests_on)


def claims_can_be_checked(settings: Settings) -> Iterator[Finding]:
    for key, token in _blocks(settings):
        for name in ("audience", "issuer"):
            pattern = getattr(token, f"{name}_regex")
            if pattern and getattr(token, name):
                yield Finding(f"{key}.{name}_regex", f"excludes {name}: set one of them", (f"{key}.{name}",))
            complaint = regex_complaint(pattern)
            if complaint:
                yield Finding(f"{key}.{name}_regex", complaint)
        if token.user_id_claim and USER_ID_CLAIM.fullmatch(token.user_id_claim) is None:
            yield Finding(f"{key}.user_id_claim", f"must be letters and _, not {token.user_id_claim!r}")


def jwks_document_is_reachable(settings: Settings) -> Iterator[Finding]:
    for key, token in _blocks(settings):
        url = _parsed_url(token.jwks_public_endpoint)
        endpoint_key = f"{key}.jwks_public_endpoint"
        if not token.jwks_public_endpoint:
            continue
        if url is None:
            yield Finding(endpoint_key, "must be an https:// or http:// URL")
        elif "{{" in token.jwks_public_endpoint:
            yield Finding(endpoint_key, "must be one URL: placeholders for claims are not supported")
        elif url[0] == "http" and url[1] not in LOOPBACK_HOSTS:
            message = "is fetched without TLS: whoever is on the way could hand out keys"
            yield Finding(endpoint_key, message, is_warning=True)
        if not token.jwks_refresh_interval:
            yield Finding(f"{key}.jwks_refresh_interval", "must be more than 0s")


def connections_can_be_authenticated(settings: Settings) -> Iterator[Finding]:
    if any(getattr(settings.client, name) for name in _TOKENLESS) or settings.websocket.disabled:
        return
    if has_key(settings.client.token) or settings.accounts.enabled:
        return
    message = (
        f"must be set, or another key of client.token ({', '.join(_KEY_NAMES[1:])}), or nobody could connect. "
        "`syncline genconfig` makes one, --dev makes keys for development, "
        "client.allow_anonymous_connect_without_token does without users, accounts.enabled has users of its own"
    )
    switches = [f"client.{name}" for name in _TOKENLESS]
    keys = [f"client.token.{name}" for name in _KEY_NAMES]
    yield Finding("client.token.hmac_secret_key", message, (*keys, *switches, "websocket.disabled", "accounts.enabled"))


def subscription_tokens_can_be_verified(settings: Settings) -> Iterator[Finding]:
    key, token = "client.subscription_token", settings.client.subscription_token
    if token.enabled and not has_key(token):
        message = f"needs a key of its own: {key}.hmac_secret_key or another"
        yield Finding(f"{key}.enabled", message, tuple(f"{key}.{name}" for name in _KEY_NAMES))
    if not token.enabled and has_key(token):
        message = f"is false, so the keys of {key} are not used"
        yield Finding(f"{key}.enabled", message, is_warning=True)


def _single_keys(token: TokenSettings) -> Iterator[tuple[str, TokenConfig]]:
    """Each key that is set, alone in a configuration, so that the verifier itself can judge it."""
    for name in ("hmac_secret_key", "hmac_previous_secret_key"):
        secret = getattr(token, name).get_secret_value()
        if secret:
            yield name, TokenConfig(hmac_secrets=((secret, 0),))
    yield "rsa_public_key", TokenConfig(rsa_public_key=token.rsa_public_key)
    yield "ecdsa_public_key", TokenConfig(ecdsa_public_key=token.ecdsa_public_key)
    yield "eddsa_public_key", TokenConfig(eddsa_public_key=token.eddsa_public_key)


def _key_complaint(config: TokenConfig) -> str:
    if any("PRIVATE KEY" in pem for pem in (config.rsa_public_key, config.ecdsa_public_key, config.eddsa_public_key)):
        return "holds a private key; only the public one belongs here"
    try:
        ConfiguredKeys(config)
    except KeyUnusable as exc:
        return "is unusable: " + str(exc).partition(": ")[2]
    return ""


def _parsed_url(text: str) -> tuple[str, str] | None:
    """Scheme and host of an HTTP URL."""
    try:
        url = urlsplit(text)
    except ValueError:
        return None
    return (url.scheme, url.hostname) if url.scheme in ("https", "http") and url.hostname else None


RULES: Final[tuple[Rule, ...]] = (
    keys_are_usable,
    hmac_keys_are_long,
    rotation_is_complete,
    claims_can_be_checked,
    jwks_document_is_reachable,
    subscription_tokens_can_be_verified,
)
NEEDED_TO_SERVE: Final[tuple[Rule, ...]] = (connections_can_be_authenticated,)
"""Rules that only a server must keep: commands that make or check tokens do without."""
