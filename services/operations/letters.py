"""Dead letters, as operators see them, and what they do to them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from hub.relay.dead_letters import DeadLettersUnavailable
from services.operations.views import DeadLettersView, DeadLetterView
from sessions.refusal import Kind, Refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.relay.dead_letters import DeadLetter, DeadLetters
    from services.operations.ports import DeadLetterOffice
    from services.operations.views import Letters

MAX_LETTERS: Final = 200
MAX_IDS: Final = 200
MAX_BODY_CHARS: Final = 8_192
_MAX_CHAR_BYTES: Final = 4
MAX_HEADERS: Final = 50
MAX_HEADER_CHARS: Final = 1_024

DEADLINE_S: Final = 15.0
"""For all that a carrier is asked in one request. What it has done by then stays done."""


async def list_letters(office: DeadLetterOffice, consumer: str, limit: int) -> DeadLettersView:
    """The oldest ones.

    Raises:
        Refusal: NOT_FOUND: no such consumer, or it keeps none.
        TimeoutError: the carrier did not answer.
    """
    async with _opened(office, consumer) as letters:
        return DeadLettersView([letter_view(letter) for letter in await letters.list(min(limit, MAX_LETTERS))])


async def replay_letters(office: DeadLetterOffice, consumer: str, which: Letters) -> int:
    async with _opened(office, consumer) as letters:
        return await letters.replay(chosen(which))


async def remove_letters(office: DeadLetterOffice, consumer: str, which: Letters) -> int:
    async with _opened(office, consumer) as letters:
        return await letters.remove(chosen(which))


def chosen(which: Letters) -> list[str] | None:
    """The ids that are meant, None for all.

    Raises:
        Refusal: INVALID: neither or both, or too many.
    """
    if which.everything == bool(which.ids):
        raise Refusal(Kind.INVALID, "invalid_field", "either some ids, or everything", "ids")
    if len(which.ids) > MAX_IDS:
        raise Refusal(Kind.INVALID, "invalid_field", f"at most {MAX_IDS}", "ids")
    return None if which.everything else list(which.ids)


def letter_view(letter: DeadLetter) -> DeadLetterView:
    body = letter.body[: MAX_BODY_CHARS * _MAX_CHAR_BYTES].decode(errors="replace")
    return DeadLetterView(
        id=letter.id,
        reason=letter.reason,
        detail=letter.detail,
        subject=letter.subject,
        headers={
            name[:MAX_HEADER_CHARS]: value[:MAX_HEADER_CHARS]
            for name, value in list(letter.headers.items())[:MAX_HEADERS]
        },
        body=body[:MAX_BODY_CHARS],
        is_cut=len(body) > MAX_BODY_CHARS or len(letter.body) > MAX_BODY_CHARS * _MAX_CHAR_BYTES,
        dead_since_ms=letter.dead_since_ms,
        attempts=letter.attempts,
    )


def require_consumer(office: DeadLetterOffice, consumer: str) -> None:
    """Raises Refusal NOT_FOUND."""
    if not office.has(consumer):
        raise Refusal(Kind.NOT_FOUND, "not_found", "no such consumer, or it keeps no dead letters")


@asynccontextmanager
async def _opened(office: DeadLetterOffice, consumer: str) -> AsyncIterator[DeadLetters]:
    require_consumer(office, consumer)
    try:
        async with asyncio.timeout(DEADLINE_S), office.open(consumer) as letters:
            yield letters
    except DeadLettersUnavailable as exc:
        raise TimeoutError(str(exc)) from exc  # worth repeating, as every dependency that does not answer
