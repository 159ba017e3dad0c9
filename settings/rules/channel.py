"""Rules of `channel`: history, recovery, namespaces, the personal channel."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from settings.duration import format_duration
from settings.rules.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from settings.channel_model import ChannelOptionSettings
    from settings.model import Settings
    from settings.rules.finding import Rule

NAMESPACE_NAME: Final = re.compile(r"[-a-zA-Z0-9_.]{2,}")
WITHOUT_NAMESPACE: Final = "channel.without_namespace"


def _scopes(settings: Settings) -> Iterator[tuple[str, ChannelOptionSettings]]:
    """Every set of channel options, with its key."""
    yield WITHOUT_NAMESPACE, settings.channel.without_namespace
    for index, namespace in enumerate(settings.channel.namespaces):
        yield f"channel.namespaces[{index}]", namespace


def history_comes_whole(settings: Settings) -> Iterator[Finding]:
    for key, options in _scopes(settings):
        if options.history_size and not options.history_ttl:
            yield Finding(f"{key}.history_ttl", "must be set where history_size is", (f"{key}.history_size",))
        if options.history_ttl and not options.history_size:
            yield Finding(f"{key}.history_size", "must be set where history_ttl is", (f"{key}.history_ttl",))


def history_lasts_whole_seconds(settings: Settings) -> Iterator[Finding]:
    durations = [("channel.history_meta_ttl", settings.channel.history_meta_ttl)]
    for key, options in _scopes(settings):
        durations.append((f"{key}.history_ttl", options.history_ttl))
        durations.append((f"{key}.history_meta_ttl", options.history_meta_ttl))
    for key, seconds in durations:
        if not seconds.is_integer():
            yield Finding(key, f"must be whole seconds, not {format_duration(seconds)}")


def history_is_outlived_by_its_position(settings: Settings) -> Iterator[Finding]:
    if not settings.channel.history_meta_ttl:
        yield Finding("channel.history_meta_ttl", "must be more than 0s")
    for key, options in _scopes(settings):
        own_key = f"{key}.history_meta_ttl"
        meta_ttl = options.history_meta_ttl or settings.channel.history_meta_ttl
        meta_key = own_key if options.history_meta_ttl else "channel.history_meta_ttl"
        if options.history_ttl > meta_ttl:
            message = f"must not be longer than {meta_key}, which is {format_duration(meta_ttl)}"
            yield Finding(f"{key}.history_ttl", message, (own_key, "channel.history_meta_ttl"))


def recovery_has_history(settings: Settings) -> Iterator[Finding]:
    for key, options in _scopes(settings):
        if options.force_recovery and not (options.history_size and options.history_ttl):
            rests_on = (f"{key}.history_size", f"{key}.history_ttl")
            yield Finding(f"{key}.force_recovery", "needs history_size and history_ttl", rests_on)


def cache_recovery_is_complete(settings: Settings) -> Iterator[Finding]:
    for key, options in _scopes(settings):
        is_cache = options.force_recovery_mode == "cache"
        if options.auto_cache_recover and not (options.force_recovery and is_cache):
            rests_on = (f"{key}.force_recovery", f"{key}.force_recovery_mode")
            message = 'needs force_recovery and force_recovery_mode "cache"'
            yield Finding(f"{key}.auto_cache_recover", message, rests_on)


def channel_regexes_compile(settings: Settings) -> Iterator[Finding]:
    for key, options in _scopes(settings):
        complaint = regex_complaint(options.channel_regex)
        if complaint:
            yield Finding(f"{key}.channel_regex", complaint)


def namespaces_have_names(settings: Settings) -> Iterator[Finding]:
    for index, namespace in enumerate(settings.channel.namespaces):
        if NAMESPACE_NAME.fullmatch(namespace.name) is None:
            message = f"must be two or more of letters, digits, - _ and ., not {namespace.name!r}"
            yield Finding(f"channel.namespaces[{index}].name", message)


def namespaces_are_distinct(settings: Settings) -> Iterator[Finding]:
    seen: Counter[str] = Counter()
    for index, namespace in enumerate(settings.channel.namespaces):
        seen[namespace.name] += 1
        if namespace.name and seen[namespace.name] > 1:
            yield Finding(f"channel.namespaces[{index}].name", f"{namespace.name!r} is the name of a namespace above")


def personal_channel_has_a_home(settings: Settings) -> Iterator[Finding]:
    """Its namespace exists, and keeps presence where one connection per user is asked for."""
    key = "client.subscribe_to_user_personal_channel"
    personal = settings.client.subscribe_to_user_personal_channel
    if not personal.enabled:
        return
    scopes = {namespace.name: namespace for namespace in settings.channel.namespaces}
    name = personal.personal_channel_namespace
    options = scopes.get(name) if name else settings.channel.without_namespace
    if options is None:
        message = f"there is no namespace {name!r} in channel.namespaces"
        yield Finding(f"{key}.personal_channel_namespace", message, ("channel.namespaces",))
    elif personal.single_connection and not options.presence:
        home = f"namespace {name!r}" if name else WITHOUT_NAMESPACE
        yield Finding(f"{key}.single_connection", f"needs presence in {home}", ("channel",))


def regex_complaint(pattern: str) -> str:
    """Why this is no regular expression, "" when it is one."""
    try:
        re.compile(pattern)
    except re.error as exc:
        return f"is not a regular expression: {exc}"
    return ""


RULES: Final[tuple[Rule, ...]] = (
    history_comes_whole,
    history_lasts_whole_seconds,
    history_is_outlived_by_its_position,
    recovery_has_history,
    cache_recovery_is_complete,
    channel_regexes_compile,
    namespaces_have_names,
    namespaces_are_distinct,
    personal_channel_has_a_home,
)
