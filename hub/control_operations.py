"""What nodes tell each other: what a backend does to the connections of a user, and questions with their answers."""

from __future__ import annotations

from msgspec import UNSET, Raw, Struct, UnsetType

from hub.protocol import codes
from hub.protocol.messages import StreamPosition


class UserTarget(Struct, omit_defaults=True, kw_only=True):
    """Which connections: all of a user, narrowed to one client or to one login session."""

    user: str = ""
    client: str = ""
    session: str = ""


class SubscribeUser(UserTarget, tag="subscribe", kw_only=True):
    channel: str
    info: Raw | UnsetType = UNSET
    data: Raw | UnsetType = UNSET
    expire_at_s: float = 0.0
    recover_since: StreamPosition | UnsetType = UNSET
    override: dict[str, bool] | UnsetType = UNSET


class UnsubscribeUser(UserTarget, tag="unsubscribe", kw_only=True):
    channel: str = ""
    """"" ends all subscriptions."""


class DisconnectUser(UserTarget, tag="disconnect", kw_only=True):
    code: int = codes.FORCE_DISCONNECT.code
    reason: str = codes.FORCE_DISCONNECT.reason
    whitelist: set[str] = set()
    """Client ids that stay."""
    decided_ms: int = 0
    """When this was decided, where the time until it is done is measured: milliseconds since the epoch."""


class RefreshUser(UserTarget, tag="refresh", kw_only=True):
    expired: bool = False
    expire_at_s: float = 0.0
    info: Raw | UnsetType = UNSET


class MessageUser(UserTarget, tag="message", kw_only=True):
    """An asynchronous message outside channels."""

    data: Raw


Operation = SubscribeUser | UnsubscribeUser | DisconnectUser | RefreshUser | MessageUser


class Question(Struct, tag="question"):
    """What a node asks all others (hub.survey)."""

    id: str
    kind: str
    about: Raw


class Answer(Struct, tag="answer", omit_defaults=True):
    """A part of one node's answer to a question, numbered from 1; or, without a chunk, how many parts there are."""

    question: str
    number: int
    chunk: Raw | UnsetType = UNSET


class Envelope(Struct):
    """What one node tells others: an operation that it has applied already, a question, or an answer."""

    node: str
    operation: Operation | Question | Answer
