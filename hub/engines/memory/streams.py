"""The logs of all channels. Pure.

Source: docs/protocol.md section 3.1.
"""

from __future__ import annotations

import secrets
from collections import deque
from itertools import islice
from string import ascii_letters
from typing import TYPE_CHECKING

from hub.engine import History, PublishOutcome
from hub.engines.memory.deadlines import Deadlines
from hub.engines.memory.snapshot import StreamImage
from hub.protocol.messages import StreamPosition

if TYPE_CHECKING:
    from hub.engine import HistoryQuery, PublishOptions
    from hub.protocol.messages import Publication

EPOCH_LENGTH = 8
"""52^8 epochs: among a million of one channel's, two are the same with a probability below 1 %."""

MAX_UNPUBLISHED = 50_000
"""Streams that were read and never published to, kept at most. A client makes one with each name it makes up."""

_NOTHING: deque[Publication] = deque(maxlen=0)
"""The log of all streams that are empty: one of its own takes 760 bytes, twice what such a stream takes otherwise."""


def _new_epoch() -> str:
    return "".join(secrets.choice(ascii_letters) for _ in range(EPOCH_LENGTH))


class Stream:
    """The log of one channel: its last publications, oldest first, and the position they lead to.

    Invariants:
        STR-1  offsets in the log are consecutive and end at the top, unless the log is empty.
        STR-2  the top never falls: an epoch is one Stream.
        STR-3  the position outlives the publications: forget_at_s >= clear_at_s.
    """

    __slots__ = ("_publications", "_version", "_version_epoch", "clear_at_s", "epoch", "forget_at_s", "top_offset")

    def __init__(self) -> None:
        self.epoch = _new_epoch()
        self.top_offset = 0
        self.clear_at_s = 0.0
        self.forget_at_s = 0.0
        self._publications = _NOTHING
        self._version = 0
        self._version_epoch = ""

    @classmethod
    def from_image(cls, image: StreamImage, now_s: float, elapsed_s: float) -> Stream:
        """The stream as it was, `elapsed_s` of its TTLs later."""
        stream = cls()
        stream.epoch, stream.top_offset = image.epoch, image.top_offset
        stream.clear_at_s = now_s + image.clear_in_s - elapsed_s
        stream.forget_at_s = max(now_s + image.forget_in_s - elapsed_s, stream.clear_at_s)
        stream._version, stream._version_epoch = image.version, image.version_epoch
        if image.publications:
            stream._publications = deque(image.publications)
        return stream

    def image(self, channel: str, now_s: float) -> StreamImage:
        return StreamImage(
            channel=channel,
            epoch=self.epoch,
            top_offset=self.top_offset,
            clear_in_s=self.clear_at_s - now_s,
            forget_in_s=self.forget_at_s - now_s,
            version=self._version,
            version_epoch=self._version_epoch,
            publications=list(self._publications),
        )

    def __len__(self) -> int:
        return len(self._publications)

    @property
    def position(self) -> StreamPosition:
        return StreamPosition(self.top_offset, self.epoch)

    def is_outdated(self, version: int, version_epoch: str) -> bool:
        """Whether a publication of this version (0: none) comes too late to be published."""
        return 0 < version <= self._version and version_epoch in ("", self._version_epoch)

    def append(self, publication: Publication, options: PublishOptions, now_s: float) -> None:
        """Give the publication its offset and keep it, and no more than `history_size` in all."""
        self.top_offset += 1
        publication.offset = self.top_offset
        publications = self._publications
        if not publications:
            publications = self._publications = deque()
        publications.append(publication)
        while len(publications) > options.history_size:
            publications.popleft()
        self.clear_at_s = now_s + options.history_ttl_s
        if options.version:
            self._version = options.version
            self._version_epoch = options.version_epoch

    def touch(self, meta_ttl_s: float, now_s: float) -> None:
        """The position is kept for `meta_ttl_s` from now."""
        self.forget_at_s = max(now_s + meta_ttl_s, self.clear_at_s)

    def clear(self) -> int:
        """Drop the publications, not the position. Return how many there were."""
        count = len(self._publications)
        self._publications = _NOTHING
        return count

    def expire(self, now_s: float) -> int:
        """Drop the publications once their time is over. Return how many there were."""
        return self.clear() if self._publications and self.clear_at_s <= now_s else 0

    def select(self, query: HistoryQuery) -> list[Publication]:
        """What `query` asks for, in the order in which it asks."""
        return self._select_reverse(query) if query.reverse else self._select_forward(query)

    def _select_forward(self, query: HistoryQuery) -> list[Publication]:
        first = self._oldest_offset
        if query.since is not None:
            first = max(first, query.since.offset + 1)
        last = self.top_offset if query.limit < 0 else min(self.top_offset, first + query.limit - 1)
        return self._between(first, last)

    def _select_reverse(self, query: HistoryQuery) -> list[Publication]:
        last = self.top_offset
        if query.since is not None:
            last = min(last, query.since.offset - 1)
        oldest = self._oldest_offset
        first = oldest if query.limit < 0 else max(oldest, last - query.limit + 1)
        newest_last = self._between(first, last)
        newest_last.reverse()
        return newest_last

    @property
    def _oldest_offset(self) -> int:
        return self.top_offset - len(self._publications) + 1

    def _between(self, first: int, last: int) -> list[Publication]:
        """The publications at offsets `first` to `last`, walking from the nearer end: recovery reads near the top."""
        if first > last:
            return []
        from_oldest = first - self._oldest_offset
        from_newest = self.top_offset - last
        count = last - first + 1
        if from_oldest < from_newest:
            return list(islice(self._publications, from_oldest, from_oldest + count))
        found = list(islice(reversed(self._publications), from_newest, from_newest + count))
        found.reverse()
        return found


class Streams:
    """The streams of all channels, each until its meta TTL is over.

    Beyond MAX_UNPUBLISHED the one never published to that has gone unread for longest is forgotten early. Nothing is
    lost with it but its epoch: whoever was told that is answered as after any loss of a stream.

    Args:
        default_meta_ttl_s: the meta TTL where a publication or query names none (0).
    """

    __slots__ = (
        "_default_meta_ttl_s",
        "_streams",
        "_to_clear",
        "_to_forget",
        "_to_forget_unpublished",
        "_unpublished",
    )

    def __init__(self, default_meta_ttl_s: float) -> None:
        self._default_meta_ttl_s = default_meta_ttl_s
        self._streams: dict[str, Stream] = {}
        self._unpublished: dict[str, None] = {}  # the streams whose top offset is 0, longest unread first
        self._to_clear: Deadlines[str] = Deadlines()
        self._to_forget: Deadlines[str] = Deadlines()
        self._to_forget_unpublished: Deadlines[str] = Deadlines()

    def __len__(self) -> int:
        return len(self._streams)

    @property
    def num_deadlines(self) -> int:
        return len(self._to_clear) + len(self._to_forget) + len(self._to_forget_unpublished)

    def append(self, channel: str, publication: Publication, options: PublishOptions, now_s: float) -> PublishOutcome:
        """Append, unless the publication's version is outdated."""
        stream = self._live(channel, now_s)
        if stream.is_outdated(options.version, options.version_epoch):
            return PublishOutcome(stream.position, is_suppressed=True)
        self._take_out(channel)
        stream.append(publication, options, now_s)
        self._to_clear.watch(channel, stream.clear_at_s)
        self._touch(channel, stream, options.history_meta_ttl_s, now_s)
        return PublishOutcome(stream.position)

    def read(self, channel: str, query: HistoryQuery, now_s: float) -> History:
        """Read, and keep the position for the query's meta TTL from now."""
        stream = self._live(channel, now_s)
        self._touch(channel, stream, query.meta_ttl_s, now_s)
        return History(stream.select(query), stream.position)

    def clear(self, channel: str) -> None:
        """Drop the channel's publications, not its position."""
        stream = self._streams.get(channel)
        if stream is not None:
            stream.clear()

    def images(self, now_s: float) -> list[StreamImage]:
        return [stream.image(channel, now_s) for channel, stream in self._streams.items()]

    def restore(self, images: list[StreamImage], now_s: float, elapsed_s: float) -> None:
        """Take over the streams of an earlier run."""
        for image in images:
            stream = self._streams[image.channel] = Stream.from_image(image, now_s, elapsed_s)
            if stream.top_offset:
                self._to_clear.watch(image.channel, stream.clear_at_s)
            self._keep(image.channel, stream)

    def sweep(self, now_s: float, budget: int) -> int:
        """Free what has expired until that took `budget` steps, a stream or a publication each. Return the steps."""
        steps = 0
        while steps < budget and (channel := self._to_clear.pop_due(now_s)) is not None:
            steps += 1 + self._expire(channel, now_s)
        while steps < budget and (channel := self._to_forget.pop_due(now_s)) is not None:
            steps += 1 + self._forget(channel, now_s)
        while steps < budget and (channel := self._to_forget_unpublished.pop_due(now_s)) is not None:
            steps += 1 + self._forget(channel, now_s)
        return steps

    def _live(self, channel: str, now_s: float) -> Stream:
        """The channel's stream as of now; a new one, of a new epoch, when there was none or its time is over."""
        stream = self._streams.get(channel)
        if stream is None or stream.forget_at_s <= now_s:
            stream = self._streams[channel] = Stream()
        else:
            stream.expire(now_s)
        return stream

    def _take_out(self, channel: str) -> None:
        """It is none of the unpublished any more."""
        if channel in self._unpublished:
            del self._unpublished[channel]
            self._to_forget_unpublished.discard(channel)

    def _touch(self, channel: str, stream: Stream, meta_ttl_s: float, now_s: float) -> None:
        stream.touch(meta_ttl_s or self._default_meta_ttl_s, now_s)
        self._keep(channel, stream)

    def _keep(self, channel: str, stream: Stream) -> None:
        """Until its time is over; an unpublished one is now the last to be forgotten early, and takes the place of the
        first."""
        self._watch(channel, stream)
        if stream.top_offset:
            return
        unpublished = self._unpublished
        unpublished.pop(channel, None)
        unpublished[channel] = None
        if len(unpublished) > MAX_UNPUBLISHED:
            longest_unread = next(iter(unpublished))
            self._take_out(longest_unread)
            del self._streams[longest_unread]

    def _watch(self, channel: str, stream: Stream) -> None:
        queue = self._to_forget if stream.top_offset else self._to_forget_unpublished
        queue.watch(channel, stream.forget_at_s)

    def _expire(self, channel: str, now_s: float) -> int:
        stream = self._streams.get(channel)
        if stream is None:
            return 0
        freed = stream.expire(now_s)
        if stream:  # published to since
            self._to_clear.watch(channel, stream.clear_at_s)
        return freed

    def _forget(self, channel: str, now_s: float) -> int:
        stream = self._streams.get(channel)
        if stream is None:
            return 0
        if stream.forget_at_s > now_s:
            self._watch(channel, stream)
            return 0
        self._take_out(channel)
        del self._streams[channel]
        return stream.clear()
