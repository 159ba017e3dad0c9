"""Questions to all nodes, and their answers put together."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

import msgspec

from hub.errors import ReplyError
from hub.protocol import codes
from sessions.refusal import Kind, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from msgspec import Raw

    from hub.hub import Hub

T = TypeVar("T")
H = TypeVar("H")

logger = logging.getLogger(__name__)


class Heard(NamedTuple, Generic[T]):
    """What every node says that has answered, by uid, and the names of those that have not."""

    answers: dict[str, T]
    silent: list[str]


async def ask(hub: Hub, kind: str, read: Callable[[list[Raw]], T], about: object = None) -> Heard[T]:
    """Ask every node whose lease holds, this one included.

    Args:
        read: makes of the chunks of one node what is answered. A node whose chunks are something else, because it is
            of another version, counts as silent: what the others say is still worth seeing.

    Raises:
        Refusal: LIMITED: too many questions are under way.
        EngineUnavailable: the nodes could not be listed, or not be asked.
    """
    with refusing():
        surveyed = await hub.survey.ask(kind, about)
    answers, silent = dict[str, T](), set(surveyed.silent)
    for uid, chunks in surveyed.answers.items():
        try:
            answers[uid] = read(chunks)
        except (msgspec.MsgspecError, UnicodeDecodeError, IndexError) as exc:
            silent.add(uid)
            logger.warning("answer_not_understood", extra={"node": uid, "kind": kind, "detail": str(exc)})
        await asyncio.sleep(0)
    return Heard(answers, await names_of(hub, silent))


async def names_of(hub: Hub, uids: set[str]) -> list[str]:
    """What the nodes call themselves; the uid where that is not known any more."""
    if not uids:
        return []
    names = {node.uid: node.name for node in await hub.engine.nodes()}
    return sorted(names.get(uid, uid) for uid in uids)


def items(kind: type[T]) -> Callable[[list[Raw]], list[T]]:
    """Reads chunks that are lists of entries."""
    decoder = msgspec.json.Decoder(list[kind])  # type: ignore[valid-type]  # a type at run time

    def read(chunks: list[Raw]) -> list[T]:
        return [entry for chunk in chunks for entry in decoder.decode(chunk)]

    return read


def head_and_items(head: type[H], kind: type[T]) -> Callable[[list[Raw]], tuple[H, list[T]]]:
    """Reads an answer whose first chunk is a value of its own."""
    entries = items(kind)

    def read(chunks: list[Raw]) -> tuple[H, list[T]]:
        return msgspec.json.decode(chunks[0], type=head), entries(chunks[1:])

    return read


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
