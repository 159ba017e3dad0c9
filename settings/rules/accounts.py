"""Rules of accounts and what hangs on them: the secret, lifetimes that fit together, the database, proxies."""

from __future__ import annotations

import ipaddress
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from settings.duration import format_duration
from settings.rules.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from settings.model import Settings
    from settings.rules.finding import Rule

MIN_SECRET_BYTES: Final = 32
"""256 bits: what it seals and peppers must not be worth guessing at."""

MIN_PASSWORD_MEMORY_KIB: Final = 19_456
"""OWASP's least for Argon2id with two passes."""

_MUST_PASS: Final = {
    "accounts": (
        "access_token_ttl",
        "key_reload_interval",
        "refresh_idle_ttl",
        "refresh_absolute_ttl",
        "failed_attempt_retention",
    ),
    "accounts.throttle": ("sweep_interval",),
    "accounts.throttle.login_account": ("interval",),
    "accounts.throttle.login_device": ("interval",),
    "accounts.throttle.login_address": ("interval",),
    "accounts.throttle.register_address": ("interval",),
    "accounts.throttle.password_change": ("interval",),
    "sessions": ("ended_retention", "revocation_poll_interval", "sweep_interval"),
    "state": ("mutation_memory",),
    "database": ("acquire_timeout", "command_timeout", "unit_timeout", "start_timeout"),
}
"""Durations that mean nothing when they are 0."""

_POSTGRES_SCHEMES: Final = ("postgresql://", "postgres://")


def secret_is_long(settings: Settings) -> Iterator[Finding]:
    for name in ("secret_key", "previous_secret_key"):
        size = len(getattr(settings.accounts, name).get_secret_value().encode())
        if 0 < size < MIN_SECRET_BYTES:
            yield Finding(
                f"accounts.{name}", f"is shorter than {MIN_SECRET_BYTES} bytes; `syncline genconfig` makes one"
            )


def accounts_have_a_secret(settings: Settings) -> Iterator[Finding]:
    accounts = settings.accounts
    if accounts.enabled and not accounts.secret_key.get_secret_value():
        message = "must be set where accounts are enabled; `syncline genconfig` makes one"
        yield Finding("accounts.secret_key", message, ("accounts.enabled",))


def durations_pass(settings: Settings) -> Iterator[Finding]:
    for section, names in _MUST_PASS.items():
        node: object = settings
        for step in section.split("."):
            node = getattr(node, step)
        for name in names:
            if not getattr(node, name):
                yield Finding(f"{section}.{name}", "must be more than 0s")


def lifetimes_nest(settings: Settings) -> Iterator[Finding]:
    """An access token ends before its session can, and a refresh token's grace before the token itself would."""
    accounts = settings.accounts
    order = ("refresh_grace", "access_token_ttl", "refresh_idle_ttl", "refresh_absolute_ttl")
    for shorter, longer in pairwise(order):
        limit = getattr(accounts, longer)
        if limit and getattr(accounts, shorter) > limit:
            message = f"must not be more than accounts.{longer}, which is {format_duration(limit)}"
            yield Finding(f"accounts.{shorter}", message, (f"accounts.{longer}",))


def passwords_cost_enough(settings: Settings) -> Iterator[Finding]:
    password = settings.accounts.password
    if password.memory_kib < 8 * password.parallelism:
        message = f"must be 8 or more for each lane, which is {8 * password.parallelism}"
        yield Finding("accounts.password.memory_kib", message, ("accounts.password.parallelism",))
    elif password.memory_kib < MIN_PASSWORD_MEMORY_KIB:
        message = f"is less than {MIN_PASSWORD_MEMORY_KIB}: whoever steals the database guesses passwords quickly"
        yield Finding("accounts.password.memory_kib", message, is_warning=True)


def database_is_known(settings: Settings) -> Iterator[Finding]:
    url = settings.database.url.get_secret_value()
    if url and not url.startswith(_POSTGRES_SCHEMES):
        yield Finding("database.url", "must start with postgresql://; empty is SQLite in the data directory")


def statements_fit_their_unit(settings: Settings) -> Iterator[Finding]:
    database = settings.database
    if database.unit_timeout and database.command_timeout > database.unit_timeout:
        message = f"must not be more than database.unit_timeout, which is {format_duration(database.unit_timeout)}"
        yield Finding("database.command_timeout", message, ("database.unit_timeout",))


def nothing_waits_for_accounts(settings: Settings) -> Iterator[Finding]:
    """What only accounts use is not accepted without them."""
    if settings.accounts.enabled:
        return
    if settings.database.url.get_secret_value():
        yield Finding(
            "database.url", "is not used: accounts.enabled is not set", ("accounts.enabled",), is_warning=True
        )
    if settings.identity_providers:
        message = "would be ignored: accounts.enabled is not set"
        yield Finding("identity_providers", message, ("accounts.enabled",))


def origins_are_somebodys(settings: Settings) -> Iterator[Finding]:
    """A lone `*` never opens the cookie; a pattern that means as much would."""
    if not settings.accounts.enabled:
        return
    for index, origin in enumerate(settings.client.allowed_origins):
        host = origin.partition("://")[2].partition(":")[0]
        if origin != "*" and not host.strip("*."):
            message = f"{origin!r} lets any page act in its visitor's name: it may use the refresh cookie"
            yield Finding(f"client.allowed_origins[{index}]", message, ("client.allowed_origins",))


def proxies_are_networks(settings: Settings) -> Iterator[Finding]:
    for index, text in enumerate(settings.http_server.trusted_proxies):
        complaint = _network_complaint(text)
        if complaint:
            yield Finding(f"http_server.trusted_proxies[{index}]", complaint, ("http_server.trusted_proxies",))


def rate_bursts_let_one_through(settings: Settings) -> Iterator[Finding]:
    for section, name in (("rest", "address_rate"), ("rest", "user_rate"), ("state", "mutation_rate")):
        node, limit = getattr(settings, section), f"{section}.{name}_limit"
        if getattr(node, f"{name}_limit") and not getattr(node, f"{name}_burst"):
            yield Finding(f"{section}.{name}_burst", f"must be 1 or more where {limit} is set", (limit,))


def _network_complaint(text: str) -> str:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return f"{text!r} is neither an address nor a network such as 10.0.0.0/8"
    return "" if network.prefixlen else "would believe anybody about their address"


RULES: Final[tuple[Rule, ...]] = (
    secret_is_long,
    durations_pass,
    lifetimes_nest,
    passwords_cost_enough,
    database_is_known,
    statements_fit_their_unit,
    nothing_waits_for_accounts,
    origins_are_somebodys,
    proxies_are_networks,
    rate_bursts_let_one_through,
)
NEEDED_TO_SERVE: Final[tuple[Rule, ...]] = (accounts_have_a_secret,)
"""Rules that only a server must keep: commands that make or check tokens do without."""
