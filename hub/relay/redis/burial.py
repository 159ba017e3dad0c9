"""How rejected entries become dead letters: with the reason, before they are acknowledged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.relay.redis.entries import OURS

if TYPE_CHECKING:
    from hub.relay.redis.access import RedisAccess
    from hub.relay.redis.config import RedisStreamConfig
    from hub.relay.redis.counts import SourceCounts
    from hub.relay.redis.entries import Entry
    from hub.relay.rejection import Rejected

    Deceased = tuple[Entry, Rejected, int]
    """The entry, why it was rejected, how often it was delivered."""


class Burial:
    """Adds to the dead-letter streams of one consumer."""

    def __init__(self, config: RedisStreamConfig, access: RedisAccess, counts: SourceCounts) -> None:
        self._config = config
        self._access = access
        self._counts = counts

    async def bury(self, stream: str, deceased: list[Deceased]) -> None:
        """At least once: what is repeated after a failure may be there twice.

        Raises: as RedisAccess.call; then none of them may be acknowledged.
        """
        if not deceased:
            return
        dead_stream = self._config.dead_stream(stream)
        commands = [("XADD", dead_stream, *self._trimming(), "*", *_fields(stream, one)) for one in deceased]
        length, *_ = await self._access.call_all(dead_stream, [("XLEN", dead_stream), *commands])
        self._counts.num_dead_letters += len(deceased)
        surplus = length + len(deceased) - self._config.dead_letter_max_length
        if self._config.dead_letter_max_length and surplus > 0:
            self._counts.note_trimmed(dead_stream, surplus)

    def _trimming(self) -> tuple[str | int, ...]:
        most = self._config.dead_letter_max_length
        return ("MAXLEN", "=", most) if most else ()


def _fields(stream: str, deceased: Deceased) -> list[bytes]:
    """The entry as it was, and what is to be said about it."""
    entry, rejected, attempts = deceased
    said = {
        "reason": rejected.reason,
        "detail": rejected.detail,
        "stream": stream,
        "id": entry.id,
        "attempts": str(attempts),
    }
    fields = [part for name, value in entry.items() if not name.startswith(OURS) for part in (name, value)]
    return fields + [part for name, value in said.items() for part in (OURS + name.encode(), value.encode())]
