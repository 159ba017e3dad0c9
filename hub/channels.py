"""Channel names: which namespace a name belongs to, whom it is limited to, and whether it may exist at all. Pure.

news            no namespace, options of `channel.without_namespace`
chat:room:1     namespace `chat`; the rest may hold further colons
$private:x      needs a subscription token; namespace `private`
dialog#42,43    limited to the users listed behind the last `#`
#42             the personal channel of user 42
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from hub.errors import Disconnected, ReplyError
from hub.protocol.codes import BAD_REQUEST, BAD_REQUEST_DISCONNECT, UNKNOWN_CHANNEL

if TYPE_CHECKING:
    from hub.config import ChannelConfig, ChannelOptions

PRIVATE_PREFIX: Final = "$"
NAMESPACE_BOUNDARY: Final = ":"
USER_BOUNDARY: Final = "#"
USER_SEPARATOR: Final = ","

MAX_KNOWN: Final = 10_000
"""Names whose options are remembered; all are forgotten when there are more."""


def namespace_of(channel: str) -> str:
    """The namespace's name, "" for a channel without one."""
    name, boundary, _ = channel.removeprefix(PRIVATE_PREFIX).partition(NAMESPACE_BOUNDARY)
    return name if boundary else ""


def is_private(channel: str) -> bool:
    return channel.startswith(PRIVATE_PREFIX)


def is_user_limited(channel: str) -> bool:
    return USER_BOUNDARY in channel


def is_listed(user: str, channel: str) -> bool:
    """Whether a user-limited channel names this user."""
    _, boundary, users = channel.rpartition(USER_BOUNDARY)
    return bool(boundary) and user in users.split(USER_SEPARATOR)


def personal_channel(user: str, namespace: str) -> str:
    prefix = f"{namespace}{NAMESPACE_BOUNDARY}" if namespace else ""
    return f"{prefix}{USER_BOUNDARY}{user}"


class Channels:
    """Looks up the options of a channel by its name."""

    def __init__(self, config: ChannelConfig) -> None:
        self._config = config
        # Going by the rules costs a fifth of a command or of a publication in a batch (bench: commands, HTTP).
        self._known: dict[str, ChannelOptions] = {}
        self._known_to_clients: dict[str, ChannelOptions] = {}
        self._regexes = {
            name: re.compile(options.channel_regex)
            for name, options in (("", config.without_namespace), *config.namespaces.items())
            if options.channel_regex
        }

    def options(self, channel: str) -> ChannelOptions:
        """Options of a channel named by a backend or by the configuration: its namespace must exist, no more.

        Raises:
            ReplyError: 102 unknown namespace; 107 empty name.
        """
        known = self._known.get(channel)
        if known is not None:
            return known
        if not channel:
            raise ReplyError(BAD_REQUEST)
        namespace = namespace_of(channel)
        options = self._config.namespaces.get(namespace) if namespace else self._config.without_namespace
        if options is None:
            raise ReplyError(UNKNOWN_CHANNEL)
        return _remember(self._known, channel, options)

    def client_options(self, channel: str) -> ChannelOptions:
        """Options of a channel named by a client, who may use only names that its namespace allows.

        Raises:
            Disconnected: 3501 for an empty name: a protocol violation.
            ReplyError: 102 unknown namespace; 107 too long, or a name that is refused.
        """
        known = self._known_to_clients.get(channel)
        if known is not None:
            return known
        if not channel:
            raise Disconnected(BAD_REQUEST_DISCONNECT)
        if len(channel.encode()) > self._config.max_length_bytes:
            raise ReplyError(BAD_REQUEST)
        options = self.options(channel)
        self._check_name(channel, namespace_of(channel))
        return _remember(self._known_to_clients, channel, options)

    def history_meta_ttl_s(self, options: ChannelOptions) -> float:
        return options.history_meta_ttl_s or self._config.history_meta_ttl_s

    def _check_name(self, channel: str, namespace: str) -> None:
        regex = self._regexes.get(namespace)
        if regex is None:
            if not channel.isascii():
                raise ReplyError(BAD_REQUEST)
            return
        rest = channel.removeprefix(PRIVATE_PREFIX)
        if namespace:
            rest = rest.removeprefix(f"{namespace}{NAMESPACE_BOUNDARY}")
        if regex.search(rest) is None:
            raise ReplyError(BAD_REQUEST)


def _remember(known: dict[str, ChannelOptions], channel: str, options: ChannelOptions) -> ChannelOptions:
    if len(known) >= MAX_KNOWN:
        known.clear()
    known[channel] = options
    return options
