from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

import pytest

from hub.relay.dead_letters import DeadLetter, DeadLetters, DeadLettersUnavailable
from services.operations import letters as module
from services.operations.letters import MAX_BODY_CHARS, MAX_IDS, list_letters, remove_letters, replay_letters
from services.operations.views import Letters
from sessions.refusal import Kind, Refusal


def letter(**changes: object) -> DeadLetter:
    values = {"id": "1", "reason": "malformed", "detail": "no", "subject": "q", "headers": {}, "body": b"{}"} | changes
    return DeadLetter(**values)  # type: ignore[arg-type]  # as the defaults


class Kept:
    """Letters that remember what was asked."""

    def __init__(self, *kept: DeadLetter) -> None:
        self.kept = list(kept)
        self.asked: list[object] = []

    async def list(self, limit: int) -> list[DeadLetter]:
        self.asked.append(limit)
        return self.kept[:limit]

    async def replay(self, ids: Collection[str] | None) -> int:
        self.asked.append(ids)
        return len(self.kept) if ids is None else len(ids)

    async def remove(self, ids: Collection[str] | None) -> int:
        raise DeadLettersUnavailable("gone")


class Office:
    def __init__(self, kept: Kept) -> None:
        self.kept = kept

    def has(self, consumer: str) -> bool:
        return consumer == "orders"

    @asynccontextmanager
    async def open(self, consumer: str) -> AsyncIterator[DeadLetters]:
        assert consumer == "orders"
        yield self.kept


async def test_a_letter_is_shown_as_text_and_cut() -> None:
    kept = Kept(letter(body=b"\xff" + b"x" * MAX_BODY_CHARS, headers={f"h{n}": "v" * 5_000 for n in range(60)}))
    [shown] = (await list_letters(Office(kept), "orders", 10_000)).letters
    assert shown.body == "\ufffd" + "x" * (MAX_BODY_CHARS - 1)
    assert shown.is_cut
    assert len(shown.headers) == module.MAX_HEADERS
    assert {len(value) for value in shown.headers.values()} == {module.MAX_HEADER_CHARS}
    assert kept.asked == [module.MAX_LETTERS]


async def test_some_or_all() -> None:
    kept = Kept(letter(), letter(id="2"))
    assert await replay_letters(Office(kept), "orders", Letters(ids=["1"])) == 1
    assert await replay_letters(Office(kept), "orders", Letters(everything=True)) == 2
    assert kept.asked == [["1"], None]


@pytest.mark.parametrize(
    "which", [Letters(), Letters(ids=["1"], everything=True), Letters(ids=[str(n) for n in range(MAX_IDS + 1)])]
)
async def test_what_is_not_clear_is_refused(which: Letters) -> None:
    kept = Kept(letter())
    with pytest.raises(Refusal) as refused:
        await replay_letters(Office(kept), "orders", which)
    assert (refused.value.kind, refused.value.field) == (Kind.INVALID, "ids")
    assert not kept.asked


async def test_an_unknown_consumer_is_not_found() -> None:
    with pytest.raises(Refusal) as refused:
        await list_letters(Office(Kept()), "payments", 10)
    assert refused.value.kind is Kind.NOT_FOUND


async def test_a_broker_that_is_away_is_worth_repeating() -> None:
    with pytest.raises(TimeoutError):
        await remove_letters(Office(Kept()), "orders", Letters(everything=True))


async def test_of_a_huge_body_only_the_beginning_is_read() -> None:
    [shown] = (await list_letters(Office(Kept(letter(body="\U0001d7ce".encode() * 3_000_000))), "orders", 1)).letters
    assert shown.body == "\U0001d7ce" * MAX_BODY_CHARS
    assert shown.is_cut
    [shown] = (await list_letters(Office(Kept(letter(body=b"x" * MAX_BODY_CHARS))), "orders", 1)).letters
    assert not shown.is_cut
