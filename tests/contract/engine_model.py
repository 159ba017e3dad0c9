"""What an engine should do, in the most obvious way: the oracle of test_engine_model.py.

Slow, eager and without a clock: a second passes at a time, and what is over in that second goes in that second.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hub.engine import HistoryQuery, PublishOptions

Position = tuple[int, int]
"""Offset, and the number of the epoch: the first epoch of all channels is 1, and so on."""


@dataclass
class ModelStream:
    epoch: int
    forget_at: float = 0
    clear_at: float = 0
    top: int = 0
    log: list[tuple[int, int]] = field(default_factory=list)
    version: int = 0
    version_epoch: str = ""


class EngineModel:
    def __init__(self) -> None:
        self.now = 0
        self.num_epochs = 0
        self.streams: dict[str, ModelStream] = {}
        self.keys: dict[tuple[str, str], tuple[float, Position | None]] = {}
        self.leases: dict[tuple[str, str], float] = {}
        self.subscribed: set[str] = set()
        self.heard: list[tuple[str, int, Position | None]] = []

    def advance(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1
            self._drop_what_is_over()

    def _drop_what_is_over(self) -> None:
        self.keys = {key: known for key, known in self.keys.items() if known[0] > self.now}
        self.leases = {key: expires_at for key, expires_at in self.leases.items() if expires_at > self.now}
        self.streams = {channel: stream for channel, stream in self.streams.items() if stream.forget_at > self.now}
        for stream in self.streams.values():
            if stream.clear_at <= self.now:
                stream.log = []

    def publish(self, channel: str, data: int, options: PublishOptions) -> tuple[Position | None, bool]:
        """Return the position and whether it was suppressed."""
        key = (channel, options.idempotency_key)
        if options.idempotency_key and key in self.keys:
            return self.keys[key][1], True
        position, is_suppressed = self._append(channel, data, options)
        if options.idempotency_key:
            self.keys[key] = (self.now + options.idempotency_ttl_s, position)
        if channel in self.subscribed and not is_suppressed:
            self.heard.append((channel, data, position))
        return position, is_suppressed

    def _append(self, channel: str, data: int, options: PublishOptions) -> tuple[Position | None, bool]:
        if not options.history_size:
            return None, False
        stream = self._stream(channel)
        comparable = options.version_epoch in ("", stream.version_epoch)
        if options.version and comparable and options.version <= stream.version:
            return (stream.top, stream.epoch), True
        if options.version:
            stream.version, stream.version_epoch = options.version, options.version_epoch
        stream.top += 1
        stream.log = [*stream.log, (stream.top, data)][-options.history_size :]
        stream.clear_at = self.now + options.history_ttl_s
        stream.forget_at = max(self.now + options.history_meta_ttl_s, stream.clear_at)
        return (stream.top, stream.epoch), False

    def history(self, channel: str, query: HistoryQuery) -> tuple[list[tuple[int, int]], Position]:
        """Return (offset, data) of what is asked for, and the top position."""
        stream = self._stream(channel)
        stream.forget_at = max(self.now + query.meta_ttl_s, stream.clear_at)
        found = stream.log[::-1] if query.reverse else stream.log
        if query.since is not None:
            since = query.since.offset
            found = [entry for entry in found if (entry[0] < since if query.reverse else entry[0] > since)]
        return (found if query.limit < 0 else found[: query.limit]), (stream.top, stream.epoch)

    def remove_history(self, channel: str) -> None:
        if channel in self.streams:
            self.streams[channel].log = []

    def present(self, channel: str) -> set[str]:
        return {client for present_in, client in self.leases if present_in == channel}

    def _stream(self, channel: str) -> ModelStream:
        if channel not in self.streams:
            self.num_epochs += 1
            self.streams[channel] = ModelStream(self.num_epochs)
        return self.streams[channel]
