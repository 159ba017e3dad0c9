"""Reads what feeds have missed from their streams."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from typing import TYPE_CHECKING, Final

from hub.engines.redis.buses import Call
from hub.engines.redis.envelopes import offset_of, publications_in
from hub.engines.redis.scripts import MISSED
from hub.errors import EngineUnavailable

if TYPE_CHECKING:
    from hub.clock import Clock
    from hub.engines.redis.buses import Buses
    from hub.engines.redis.feeds import Feed, FeedContext
    from hub.protocol.messages import StreamPosition

logger = logging.getLogger(__name__)

FEEDS_AT_A_TIME: Final = 128
"""Streams read in one go, pipelined."""

PAGE_SIZE: Final = 256
"""Publications read of one stream in one go."""

RETRY_S: Final = 0.25

LAG_GRACE_S: Final = 0.5
"""How long a publication may be under way between the stream and this node before it is fetched."""

MAX_LAGGING: Final = 10_000


class CatchUp:
    """Feeds in doubt wait here, each once, and are read a slice at a time.

    Attributes:
        fetched: publications that came from a stream because their message did not come.
    """

    def __init__(self, buses: Buses, context: FeedContext, clock: Clock) -> None:
        self._buses = buses
        self._context = context
        self._clock = clock
        self._waiting: dict[Feed, None] = {}
        self._lagging: deque[tuple[float, Feed, StreamPosition]] = deque()
        self._wake = asyncio.Event()
        self.fetched = 0
        context.catch_up = self.add

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, feed: Feed) -> None:
        """Read its stream; it holds back what comes until then."""
        self._waiting[feed] = None
        self._wake.set()

    def discard(self, feed: Feed) -> None:
        self._waiting.pop(feed, None)

    def watch(self, feed: Feed, position: StreamPosition) -> None:
        """The stream is at `position`; unless the feed gets there by itself soon, fetch what is missing."""
        if len(self._lagging) < MAX_LAGGING:
            self._lagging.append((self._clock.monotonic_s() + LAG_GRACE_S, feed, position))
            self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._take_laggards()
            while self._waiting:
                await self._read_slice()
                self._take_laggards()
            if self._lagging:
                await asyncio.sleep(LAG_GRACE_S / 2)
                self._wake.set()

    def _take_laggards(self) -> None:
        now_s = self._clock.monotonic_s()
        while self._lagging and self._lagging[0][0] <= now_s:
            _, feed, position = self._lagging.popleft()
            if (
                feed.held is None
                and feed.is_attached
                and feed.epoch == position.epoch
                and feed.offset < position.offset
            ):
                self._context.gaps += 1
                feed.hold()
                self.add(feed)

    async def _read_slice(self) -> None:
        feeds = list(self._waiting)[:FEEDS_AT_A_TIME]
        for feed in feeds:
            del self._waiting[feed]
        results = await asyncio.gather(*(self._read(feed) for feed in feeds))
        if not all(results):
            await asyncio.sleep(random.uniform(RETRY_S / 2, RETRY_S))

    async def _read(self, feed: Feed) -> bool:
        """Return False when that has to be tried again."""
        try:
            await self._read_until_released(feed)
        except EngineUnavailable:
            is_done = False
        except Exception:  # the listener's, of one publication: the next one is its next chance
            logger.exception("redis_catch_up_failed")
            is_done = False
        else:
            is_done = True
        if not is_done and feed.held is not None and feed.is_attached:  # not attached, it comes back when it is
            self._waiting[feed] = None
        return is_done

    async def _read_until_released(self, feed: Feed) -> None:
        """Hand over what is missing, then what was held back. Without a known position nothing can be missing."""
        while feed.held is not None and feed.is_attached:
            feed.must_read = False
            if not feed.epoch:
                self._context.complaints.add("redis_unkept_doubt")  # what no stream keeps may be lost, and nobody knows
            elif not await self._read_pages(feed):
                return
            if feed.release():
                return

    async def _read_pages(self, feed: Feed) -> bool:
        """Return False when nobody listens to the feed any more."""
        while True:
            since = feed.offset
            call = Call(MISSED, feed.slot, (feed.keys.meta, feed.keys.log), (since, PAGE_SIZE), is_repeatable=True)
            epoch, base, entries = await self._buses.call(call)
            if feed.held is None:
                return False
            if not epoch:
                return True  # whatever is begun there next is another epoch, and read from its beginning
            if epoch.decode() != feed.epoch:
                feed.begin_anew(epoch.decode(), min(since, int(base)))
                continue
            if entries:
                publications = publications_in(entries)
                self.fetched += len(publications)
                feed.hand_over_missed(publications, offset_of(entries[-1]))
                if len(publications) < len(entries):
                    self._context.complaints.add("redis_message_lost", reason="unreadable")
            if len(entries) < PAGE_SIZE:
                return True
