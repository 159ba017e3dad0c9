"""The port of what carriers keep of messages that could not be published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Collection


class DeadLetter(Struct, frozen=True, gc=False):
    """One rejected message, with why.

    Attributes:
        id: names it for `replay` and `remove`; copies of one message may share it.
        reason: one of `hub.relay.rejection.REASONS`, or the carrier's own word where the carrier gave up.
        detail: what is wrong, for people; "" where only the carrier knows.
        subject: where it was published: routing key or name of the stream.
        headers: as the publisher sent them, as text.
        dead_since_ms: Unix time; 0 where nothing tells.
        attempts: deliveries before it was given up; 0 where nothing tells.
    """

    id: str
    reason: str
    detail: str
    subject: str
    headers: dict[str, str]
    body: bytes
    dead_since_ms: int = 0
    attempts: int = 0


class DeadLettersUnavailable(Exception):
    """The carrier could not be reached, or gave no answer in time. What was done so far stays done."""


class DeadLetters(Protocol):
    """The dead letters of one source. Every method raises DeadLettersUnavailable.

    Looking changes nothing but may briefly hide letters from whoever else looks.
    """

    async def list(self, limit: int) -> list[DeadLetter]:
        """The oldest ones, in their order."""

    async def replay(self, ids: Collection[str] | None) -> int:
        """Give these, or all of them, back to the source, as the publisher sent them; how many.

        A letter is removed once its carrier has taken it back, so a failure in between leaves it in both places: it
        comes twice and is published once, as long as its idempotency key is remembered.
        """

    async def remove(self, ids: Collection[str] | None) -> int:
        """Forget these, or all of them, for good; how many."""
