"""One connection that listens to patterns of pub/sub channels, and nothing else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from hub.engines.redis.failures import ServerError
from hub.engines.redis.link import MORE, Link

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hub.clock import Clock

    Receive = Callable[[bytes, bytes], None]
    """A message: channel and data. Hot, must not fail."""


class PatternLink(Link):
    """A link that, once `listen` was called, only listens."""

    def __init__(self, clock: Clock, io_timeout_s: float) -> None:
        super().__init__(clock, io_timeout_s)
        self._receive: Receive | None = None
        self._confirmed: asyncio.Future[None] | None = None
        self._num_expected = 0

    async def listen(self, patterns: Sequence[str], receive: Receive) -> None:
        """Returns when the server has confirmed all of them.

        Raises:
            LinkLost, ServerError
        """
        self._receive = receive
        self._num_expected = len(patterns)
        self._confirmed = asyncio.get_running_loop().create_future()
        self._num_called += len(patterns)
        self._write("PSUBSCRIBE", *patterns)
        done, _ = await asyncio.wait({self._confirmed, self.lost}, return_when=asyncio.FIRST_COMPLETED)
        if self._confirmed in done:
            self._confirmed.result()

    async def ping(self, within_s: float) -> None:
        """Ask for a sign of life, and return after `within_s`, or when the connection has ended.

        A sign that stays away for `io_timeout_s` ends it.
        """
        if not self.is_closed:
            self._num_called += 1
            self._write("PING")
        await asyncio.wait({self.lost}, timeout=within_s)

    def _write(self, *args: str) -> None:
        assert self._transport is not None, "it is open"
        parts = [part for arg in args for part in (f"${len(arg.encode())}", arg)]
        self._transport.write("\r\n".join([f"*{len(args)}", *parts, ""]).encode())

    def _take_replies(self) -> None:
        """Hot: one comparison and one call per message."""
        receive = self._receive
        if receive is None:
            super()._take_replies()
            return
        gets = self._reader.gets
        while (reply := gets()) is not MORE:
            if type(reply) is list and reply[0] == b"pmessage":
                receive(reply[2], reply[3])
            else:
                self._take_other(reply)
            if self.is_closed:
                return

    def _take_other(self, reply: Any) -> None:
        if type(reply) is list and reply[0] == b"psubscribe" and self._num_expected:
            self._num_answered += 1
            self._num_expected -= 1
            if not self._num_expected and self._confirmed is not None and not self._confirmed.done():
                self._confirmed.set_result(None)
        elif type(reply) is list and reply[0] == b"pong":
            self._num_answered += 1
        elif isinstance(reply, Exception) and self._confirmed is not None and not self._confirmed.done():
            self._confirmed.set_exception(ServerError(str(reply)))
        else:
            self.close(f"an answer that nobody asked for: {reply!r:.100}")
