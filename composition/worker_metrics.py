"""The workers of one machine ask each other for what they count, so that any of them can answer for all.

They share a port, and a scrape comes to whichever the kernel chooses. Each has a socket in a directory that their
parent has made for nobody else; whoever connects is given a snapshot, and that is the whole protocol.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import msgspec

from observability.metrics.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DEADLINE_S: Final = 1.0
"""A worker that has not answered by then is left out of this scrape, and counted."""

MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024

_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Snapshot)


@dataclass(frozen=True, slots=True)
class WorkerPlace:
    """Which of several processes this is.

    Attributes:
        number: from 1 to `count`.
        directory: for their sockets; only this user may look into it.
    """

    number: int
    count: int
    directory: Path

    def socket_of(self, number: int) -> Path:
        return self.directory / f"{number}.sock"


class WorkerMetrics:
    """What this worker tells the others, and what they tell it."""

    def __init__(self, place: WorkerPlace, take: Callable[[], Snapshot]) -> None:
        self._place = place
        self._take = take

    async def run(self) -> None:
        """Answer the others until cancelled; the supervisor's task."""
        path = self._place.socket_of(self._place.number)
        path.unlink(missing_ok=True)  # of the one that had this place before
        server = await asyncio.get_running_loop().create_unix_server(lambda: _Answer(self._take), path=path)
        async with server:
            await server.serve_forever()

    async def collect(self) -> dict[str, Snapshot]:
        """Of all that answer in time, by number. Our own says how many did not (`workers_silent`)."""
        own = self._take()
        others = [number for number in range(1, self._place.count + 1) if number != self._place.number]
        answers = await asyncio.gather(*map(self._ask, others))
        snapshots = {str(number): each for number, each in zip(others, answers, strict=True) if each is not None}
        own.values["workers_silent"] = float(answers.count(None))
        return dict(sorted({str(self._place.number): own, **snapshots}.items()))

    async def _ask(self, number: int) -> Snapshot | None:
        with contextlib.suppress(OSError, TimeoutError, msgspec.MsgspecError):
            async with asyncio.timeout(DEADLINE_S):
                return await _asked(self._place.socket_of(number))
        return None


async def _asked(path: Path) -> Snapshot:
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        answer = bytearray()
        while chunk := await reader.read(65_536):
            answer += chunk
            if len(answer) > MAX_ANSWER_BYTES:
                raise OSError("a worker does not stop talking")
        return _DECODER.decode(answer)
    finally:
        writer.close()


class _Answer(asyncio.Protocol):
    """One question, which is the connection itself."""

    def __init__(self, take: Callable[[], Snapshot]) -> None:
        self._take = take

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        socket = cast("asyncio.WriteTransport", transport)  # uvloop's are of other classes
        socket.write(_ENCODER.encode(self._take()))
        socket.close()  # after what has been written
