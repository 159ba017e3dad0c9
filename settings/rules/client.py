"""Rules of `client` apart from its tokens: intervals, limits, origins."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from settings.duration import format_duration
from settings.rules.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from settings.model import Settings
    from settings.rules.finding import Rule

HEADER_NAME: Final = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+")
"""A token of RFC 9110 section 5.6.2."""

_MUST_PASS: Final = (
    "pong_timeout",
    "presence_update_interval",
    "presence_ttl",
    "stale_close_delay",
    "channel_position_check_delay",
    "rpc_timeout",
)
"""Durations of `client` that mean nothing when they are 0."""


def durations_pass(settings: Settings) -> Iterator[Finding]:
    for name in _MUST_PASS:
        if not getattr(settings.client, name):
            yield Finding(f"client.{name}", "must be more than 0s")


def pings_do_not_overlap(settings: Settings) -> Iterator[Finding]:
    client = settings.client
    if client.ping_interval and client.pong_timeout >= client.ping_interval:
        message = f"must be less than client.ping_interval, which is {format_duration(client.ping_interval)}"
        yield Finding("client.pong_timeout", message, ("client.ping_interval",))


def presence_outlives_its_renewal(settings: Settings) -> Iterator[Finding]:
    client = settings.client
    if client.presence_ttl and client.presence_ttl <= client.presence_update_interval:
        interval = format_duration(client.presence_update_interval)
        message = f"must be more than client.presence_update_interval, which is {interval}"
        yield Finding("client.presence_ttl", message, ("client.presence_update_interval",))


def command_burst_lets_one_through(settings: Settings) -> Iterator[Finding]:
    if settings.client.command_rate_limit and not settings.client.command_rate_burst:
        rests_on = ("client.command_rate_limit",)
        yield Finding("client.command_rate_burst", "must be 1 or more where client.command_rate_limit is set", rests_on)


def origins_can_match(settings: Settings) -> Iterator[Finding]:
    for index, origin in enumerate(settings.client.allowed_origins):
        complaint = _origin_complaint(origin)
        if complaint:
            yield Finding(f"client.allowed_origins[{index}]", f"{origin!r} {complaint}", ("client.allowed_origins",))


def user_header_is_a_header(settings: Settings) -> Iterator[Finding]:
    name = settings.client.user_id_http_header
    if not name:
        return
    if HEADER_NAME.fullmatch(name) is None:
        yield Finding("client.user_id_http_header", f"must be the name of a header, not {name!r}")
    else:
        message = f"is believed from anyone: a proxy must set {name} and let no client do so"
        yield Finding("client.user_id_http_header", message, is_warning=True)


def open_doors_are_meant(settings: Settings) -> Iterator[Finding]:
    if settings.client.insecure:
        yield Finding("client.insecure", "anyone may connect, subscribe and publish", is_warning=True)
    if "*" in settings.client.allowed_origins:
        yield Finding("client.allowed_origins", "any web page may connect in its visitor's name", is_warning=True)


def _origin_complaint(origin: str) -> str:
    if origin == "*":
        return ""
    if "://" not in origin:
        return 'would match no origin: it must start with a scheme, as "https://example.com" does'
    if any(mark in origin.partition("://")[2] for mark in "/?#"):
        return "would match no origin: an origin ends with its host or port"
    return ""


RULES: Final[tuple[Rule, ...]] = (
    durations_pass,
    pings_do_not_overlap,
    presence_outlives_its_renewal,
    command_burst_lets_one_through,
    origins_can_match,
    user_header_is_a_header,
    open_doors_are_meant,
)
