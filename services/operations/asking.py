"""Questions to all nodes, and their answers put together."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import msgspec

from hub.errors import ReplyError
from hub.protocol import codes
from sessions.refusal import Kind, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from msgspec import Raw

    from hub.hub import Hub

T = TypeVar("T")


class Heard(NamedTuple):
    """The chunks of every node that has answered, by uid, and the names of those that have not."""

    answers: dict[str, list[Raw]]
    silent: list[str]


async def ask(hub: Hub, kind: str, about: object = None) -> Heard:
    """Ask every node whose lease holds, this one included.

    Raises:
        Refusal: LIMITED: too many questions are under way.
        EngineUnavailable: the nodes could not be listed, or not be asked.
    """
    with refusing():
        surveyed = await hub.survey.ask(kind, about)
    return Heard(surveyed.answers, await names_of(hub, surveyed.silent))


async def names_of(hub: Hub, uids: set[str]) -> list[str]:
    """What the nodes call themselves; the uid where that is not known any more."""
    if not uids:
        return []
    names = {node.uid: node.name for node in await hub.engine.nodes()}
    return sorted(names.get(uid, uid) for uid in uids)


def items(chunks: list[Raw], kind: type[T]) -> list[T]:
    """The entries of chunks that are lists of them."""
    decoder = msgspec.json.Decoder(list[kind])  # type: ignore[valid-type]  # a type at run time
    return [entry for chunk in chunks for entry in decoder.decode(chunk)]


def head_and_items(chunks: list[Raw], head: type[Any], kind: type[T]) -> tuple[Any, list[T]]:
    """Of an answer whose first chunk is a value of its own."""
    return msgspec.json.decode(chunks[0], type=head), items(chunks[1:], kind)


_REFUSED: Final[Mapping[int, tuple[Kind, str, str]]] = {
    codes.UNKNOWN_CHANNEL.code: (Kind.NOT_FOUND, "not_found", "no such namespace"),
    codes.BAD_REQUEST.code: (Kind.INVALID, "invalid_request", "the channel's name, or data that its namespace refuses"),
    codes.NOT_AVAILABLE.code: (Kind.NOT_FOUND, "no_history", "this namespace keeps no history"),
    codes.TOO_MANY_REQUESTS.code: (Kind.LIMITED, "too_many_requests", "too many questions to all nodes at once"),
}


@contextmanager
def refusing() -> Iterator[None]:
    """What the hub refuses, as a Refusal."""
    try:
        yield
    except ReplyError as failure:
        known = _REFUSED.get(failure.error.code)
        if known is None:
            raise
        kind, code, detail = known
        raise Refusal(kind, code, detail) from failure
