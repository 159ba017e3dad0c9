"""The dead letters of a consumer of streams, each in the dead-letter stream of the stream that it came from."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from hub.engines.redis.failures import ServerError
from hub.errors import EngineUnavailable
from hub.relay.dead_letters import DeadLetter, DeadLettersUnavailable
from hub.relay.redis.access import RedisAccess
from hub.relay.redis.entries import OURS, entries_of
from hub.relay.routing import KEY_HEADER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterator

    from hub.clock import Clock
    from hub.relay.redis.config import RedisStreamConfig
    from hub.relay.redis.entries import Entry

    Letters = list[DeadLetter]
    Entries = list[Entry]

PAGE: Final = 100


class RedisDeadLetters:
    """Implements `hub.relay.dead_letters.DeadLetters`. The id of a letter is that of its entry: `<stream> <id>`."""

    def __init__(self, config: RedisStreamConfig, clock: Clock) -> None:
        """Raises: ConfigRefused."""
        self._config = config
        self._access = RedisAccess(config.redis, clock)
        self._streams = tuple(dict.fromkeys(config.dead_stream(stream) for stream in config.streams))

    async def close(self) -> None:
        await self._access.close()

    async def list(self, limit: int) -> Letters:
        """The oldest ones, stream by stream."""
        letters: Letters = []
        with _telling():
            async for stream, entry in self._entries(None):
                if len(letters) >= limit:
                    break
                letters.append(self._letter(stream, entry))
        return letters

    async def replay(self, ids: Collection[str] | None) -> int:
        """Each goes back to the stream that it came from, as the last entry, under the key that it had."""
        count = 0
        with _telling():
            async for stream, entry in self._entries(ids):
                said = _said(entry)
                home = said.get("stream", "")
                if home not in self._config.streams:
                    continue  # of a stream that this consumer does not read any more
                await self._access.call(home, "XADD", home, "*", *_original(entry, f"{home} {said.get('id', '')}"))
                count += await self._access.call(stream, "XDEL", stream, entry.id)
        return count

    async def remove(self, ids: Collection[str] | None) -> int:
        count = 0
        with _telling():
            async for stream, entry in self._entries(ids):
                count += await self._access.call(stream, "XDEL", stream, entry.id)
        return count

    # --- within -----------------------------------------------------------------------------------------------------

    async def _entries(self, ids: Collection[str] | None) -> AsyncIterator[tuple[str, Entry]]:
        """Those there are now, the oldest first; what is added meanwhile is left out."""
        for stream in self._streams:
            newest = await self._access.call(stream, "XREVRANGE", stream, "+", "-", "COUNT", 1)
            last, start = (newest[0][0].decode() if newest else ""), "-"
            while last and (page := await self._page(stream, start, last)):
                for entry in page:
                    if ids is None or f"{stream} {entry.id}" in ids:
                        yield stream, entry
                start = f"({page[-1].id}"

    async def _page(self, stream: str, start: str, last: str) -> Entries:
        return entries_of(await self._access.call(stream, "XRANGE", stream, start, last, "COUNT", PAGE))

    def _letter(self, stream: str, entry: Entry) -> DeadLetter:
        said, payload = _said(entry), self._config.payload_value.encode()
        others = [(name, value) for name, value in entry.items() if not name.startswith(OURS)]
        return DeadLetter(
            id=f"{stream} {entry.id}",
            reason=said.get("reason", ""),
            detail=said.get("detail", ""),
            subject=said.get("stream", ""),
            headers={_text(name): _text(value) for name, value in others if name != payload},
            body=b"".join(value for name, value in others if name == payload),
            dead_since_ms=int(entry.id.partition("-")[0]),
            attempts=int(said.get("attempts", "0")),
        )


@contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except (EngineUnavailable, ServerError) as exc:
        raise DeadLettersUnavailable(str(exc)) from exc


def _said(entry: Entry) -> dict[str, str]:
    """What was said about it when it was buried."""
    return {_text(name[len(OURS) :]): _text(value) for name, value in entry.items() if name.startswith(OURS)}


def _original(entry: Entry, key: str) -> list[bytes]:
    """The fields as the publisher sent them, and the key under which it may have been published after all."""
    fields = [part for name, value in entry.items() if not name.startswith(OURS) for part in (name, value)]
    names = {_text(name).lower() for name in fields[::2]}
    return fields if KEY_HEADER in names else [*fields, KEY_HEADER.encode(), key.encode()]


def _text(value: bytes) -> str:
    return value.decode(errors="replace")
