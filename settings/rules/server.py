"""Rules of what is served where: ports, paths, the server API's key, the way down."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from services.operations.channels import OPS
from settings.duration import format_duration
from settings.rules.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from settings.model import Settings
    from settings.rules.finding import Rule

HANDLER_PREFIX: Final = re.compile(r"(/[^/\s?#]+)+/?")
FIXED_PATHS: Final = ("/healthz", "/readyz", "/startupz", "/demo")
ACCOUNTS_PATHS: Final = ("/v1", "/.well-known")
MIN_API_KEY_CHARS: Final = 16
"""Fewer could be guessed: 16 characters of base64 are 96 bits."""


def ports_are_distinct(settings: Settings) -> Iterator[Finding]:
    server = settings.http_server
    is_same_address = server.internal_address in ("", server.address)
    if server.internal_port and server.internal_port == server.port and is_same_address:
        rests_on = ("http_server",)
        yield Finding("http_server.internal_port", "must not be http_server.port", rests_on)


def internal_address_has_a_port(settings: Settings) -> Iterator[Finding]:
    server = settings.http_server
    if server.internal_address and not server.internal_port:
        message = "would be ignored: http_server.internal_port is not set"
        yield Finding("http_server.internal_address", message, ("http_server.internal_port",))


def handlers_have_paths_of_their_own(settings: Settings) -> Iterator[Finding]:
    fixed = FIXED_PATHS + (ACCOUNTS_PATHS if settings.accounts.enabled else ())
    taken = dict.fromkeys(fixed, "the server itself")
    for key, path in _handler_prefixes(settings):
        if HANDLER_PREFIX.fullmatch(path) is None:
            yield Finding(key, f'must be a path such as "/connection/websocket", not {path!r}')
        elif path.rstrip("/") in taken:
            yield Finding(key, f"{path!r} belongs to {taken[path.rstrip('/')]}")
        taken.setdefault(path.rstrip("/"), key)


def server_api_has_a_key(settings: Settings) -> Iterator[Finding]:
    api = settings.http_api
    if api.disabled or api.insecure or api.key.get_secret_value():
        return
    message = (
        "must be set, or nobody could call the server API. "
        "`syncline genconfig` makes one, --dev makes keys for development, http_api.disabled does without the API"
    )
    yield Finding("http_api.key", message, ("http_api.disabled", "http_api.insecure"))


def server_api_is_guarded(settings: Settings) -> Iterator[Finding]:
    api = settings.http_api
    if api.disabled:
        return
    if api.insecure:
        yield Finding("http_api.insecure", "anyone who reaches the server API may use it", is_warning=True)
    elif 0 < len(api.key.get_secret_value()) < MIN_API_KEY_CHARS:
        yield Finding("http_api.key", f"is shorter than {MIN_API_KEY_CHARS} characters", is_warning=True)


def stalled_clients_get_time(settings: Settings) -> Iterator[Finding]:
    if not settings.websocket.write_timeout:
        yield Finding("websocket.write_timeout", "must be more than 0s")


def shutdown_fits_its_timeout(settings: Settings) -> Iterator[Finding]:
    shutdown = settings.shutdown
    needed = shutdown.drain_delay + shutdown.drain_window
    if needed > shutdown.timeout:
        rests_on = ("shutdown.drain_delay", "shutdown.drain_window")
        message = f"must be at least drain_delay and drain_window together, which is {format_duration(needed)}"
        yield Finding("shutdown.timeout", message, rests_on)


def console_has_users(settings: Settings) -> Iterator[Finding]:
    if settings.console.enabled and not settings.accounts.enabled:
        yield Finding("console.enabled", "needs accounts.enabled: nobody could log in", ("accounts.enabled",))


def console_has_its_namespace(settings: Settings) -> Iterator[Finding]:
    if settings.console.enabled and any(namespace.name == OPS for namespace in settings.channel.namespaces):
        message = f"the console has a namespace {OPS!r} of its own: call this one otherwise"
        yield Finding("channel.namespaces", message, ("console.enabled",))


def _handler_prefixes(settings: Settings) -> Iterator[tuple[str, str]]:
    """The paths of what is switched on, with the keys that set them."""
    if not settings.websocket.disabled:
        yield "websocket.handler_prefix", settings.websocket.handler_prefix
    if not settings.http_api.disabled:
        yield "http_api.handler_prefix", settings.http_api.handler_prefix
    if settings.health.enabled:
        yield "health.handler_prefix", settings.health.handler_prefix
    if settings.prometheus.enabled:
        yield "prometheus.handler_prefix", settings.prometheus.handler_prefix
    if settings.console.enabled:
        yield "console.handler_prefix", settings.console.handler_prefix


RULES: Final[tuple[Rule, ...]] = (
    ports_are_distinct,
    internal_address_has_a_port,
    handlers_have_paths_of_their_own,
    server_api_is_guarded,
    stalled_clients_get_time,
    shutdown_fits_its_timeout,
    console_has_users,
    console_has_its_namespace,
)
NEEDED_TO_SERVE: Final[tuple[Rule, ...]] = (server_api_has_a_key,)
"""Rules that only a server must keep: commands that make or check tokens do without."""
