"""Group commit: mutations that wait while one group is written are the next group, one unit of work for all of them.

A commit costs a few milliseconds, whatever is in it; so does a trip to the database. One task per node, one group in
flight: the busier the node, the larger its groups.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.tracing import CURRENT, SHARED, Shared
from sessions.refusal import Refusal
from sessions.state import store
from sessions.state.document_sizes import DocumentSizes
from sessions.state.ledger import Ledger
from storage.database import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hub.checkpoint import Checkpoint
    from hub.clock import Clock
    from hub.relay.outbox import Outbox, OutboxEntry
    from hub.tracing import TraceContext
    from sessions.config import StateConfig
    from sessions.state.document import Mutated
    from sessions.state.mutation import Mutation
    from storage.database import Database, Transaction

logger = logging.getLogger(__name__)

MAX_GROUP_BYTES = 1 << 20
"""Patches and documents of one group, without its last mutation. On PostgreSQL the loop works on them at a stretch."""

MAX_WAITING_BYTES = 32 << 20
"""Patches that wait."""

ANSWER_DEADLINE_S = 1.9
"""From asking to the answer, with waiting for the group before: whoever waits longer is told to come back."""


@dataclass(slots=True, eq=False)
class _Waiting:
    user: str
    mutation: Mutation
    answer: asyncio.Future[Mutated]
    trace: TraceContext | None


@dataclass(slots=True)
class _Written:
    """What one unit of work has done: an answer or a refusal per mutation, what is to be published, and on what."""

    outcomes: list[Mutated | Exception]
    entries: list[OutboxEntry]
    ledger: Ledger


class Writer:
    """Applies mutations in the order in which they come. Event-loop thread only.

    Attributes:
        num_groups, num_mutations: units of work committed, and mutations that were answered by them.
        num_refused_full: mutations sent away because too many waited, or too much.
        num_patches_dropped: patches not kept because their user's log is full.
    """

    def __init__(
        self, business: Database, outbox: Outbox, clock: Clock, config: StateConfig, *, checkpoint: Checkpoint
    ) -> None:
        self._business = business
        self._outbox = outbox
        self._clock = clock
        self._config = config
        self._checkpoint = checkpoint
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._sizes = DocumentSizes()
        self._wake = asyncio.Event()
        self.num_groups = self.num_mutations = self.num_refused_full = self.num_patches_dropped = 0

    @property
    def num_waiting(self) -> int:
        return len(self._waiting)

    async def submit(self, user: str, mutation: Mutation) -> Mutated:
        """Apply a mutation that has been `checked`; when this returns it is durable, and soon published.

        Cancellation: it may or may not have been applied; asking again with the same id tells.

        Raises:
            Refusal: as Ledger.apply.
            StorageUnavailable: unknown, too; or too many wait.
        """
        if len(self._waiting) >= self._config.max_waiting or self._waiting_bytes >= MAX_WAITING_BYTES:
            self.num_refused_full += 1
            raise StorageUnavailable("too many mutations are waiting")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Mutated] = loop.create_future()
        waiting = _Waiting(user, mutation, answer, CURRENT.get())
        self._waiting.append(waiting)
        self._waiting_bytes += len(mutation.patch)
        self._wake.set()
        # A timer of its own costs a quarter of asyncio.timeout: some 3 µs of 60 per mutation.
        deadline = loop.call_later(
            ANSWER_DEADLINE_S, _answer, waiting, StorageUnavailable("no group was written in time")
        )
        try:
            return await answer
        finally:
            deadline.cancel()

    async def run(self, epoch: str) -> None:
        """Write until cancelled. One task of the supervisor's. Who waits at the end is told `unavailable`."""
        try:
            while True:
                if not self._waiting:
                    self._wake.clear()
                    await self._wake.wait()
                await self._write(self._next_group(), epoch)
        finally:
            self._fail(self._everybody(), StorageUnavailable("the node stops"))

    def _next_group(self) -> list[_Waiting]:
        """The first ones that are still wanted, as many as are light enough together."""
        group: list[_Waiting] = []
        room = MAX_GROUP_BYTES
        while self._waiting and room > 0 and len(group) < self._config.max_group:
            waiting = self._waiting.popleft()
            mutation = waiting.mutation
            self._waiting_bytes -= len(mutation.patch)
            if not waiting.answer.done():
                group.append(waiting)
                room -= len(mutation.patch) + self._sizes.of(waiting.user, mutation.key)
        return group

    def _everybody(self) -> list[_Waiting]:
        waiting = list(self._waiting)
        self._waiting.clear()
        self._waiting_bytes = 0
        return waiting

    async def _write(self, group: list[_Waiting], epoch: str) -> None:
        """Whatever happens, everybody in the group gets an answer."""
        if not group:
            return
        try:
            with _on_behalf_of(group):
                written = await self._business.run(lambda tx: self._work(tx, group, epoch))
        except StorageUnavailable as exc:
            # Whoever waits behind would wait as long for the same answer, and be late for its own deadline.
            self._fail(group + self._everybody(), exc)
        except Exception as exc:
            logger.exception("state_group_failed", extra={"mutations": len(group)})
            await self._write_singly(group, exc, epoch)
        except BaseException:
            self._fail(group, StorageUnavailable("the node stops"))
            raise
        else:
            self._commit(group, written)

    async def _write_singly(self, group: list[_Waiting], failure: Exception, epoch: str) -> None:
        """One mutation must not take the others down with it."""
        if len(group) == 1:
            self._fail(group, failure)
            return
        for waiting in group:
            await self._write([waiting], epoch)

    async def _work(self, tx: Transaction, group: Sequence[_Waiting], epoch: str) -> _Written:
        """The unit of work. It may run again: everything it makes is new each time."""
        ledger = Ledger(self._config, epoch)
        await store.load(tx, [(waiting.user, waiting.mutation) for waiting in group], ledger)
        outcomes: list[Mutated | Exception] = []
        traces: list[TraceContext | None] = []  # of the events: each is a part of what its mutation is a part of
        for waiting in group:
            num_before = len(ledger.events)
            outcomes.append(_outcome(ledger, waiting))
            traces += [waiting.trace] * (len(ledger.events) - num_before)
        if not ledger.accepted:
            return _Written(outcomes, [], ledger)
        await store.save(tx, ledger, int(self._clock.now_s() * 1000))
        return _Written(outcomes, await self._outbox.add_many(tx, ledger.events, traces), ledger)

    def _commit(self, group: Sequence[_Waiting], written: _Written) -> None:
        try:
            self._checkpoint("state.committed")
        except BaseException:
            self._fail(group, StorageUnavailable("the node stops"))
            raise
        self._outbox.publish_soon(written.entries)
        self.num_groups += 1
        self.num_mutations += len(group)
        self.num_patches_dropped += written.ledger.num_stripped
        self._sizes.note(written.ledger.slots)
        for waiting, outcome in zip(group, written.outcomes, strict=True):
            _answer(waiting, outcome)

    @staticmethod
    def _fail(group: Sequence[_Waiting], failure: Exception) -> None:
        for waiting in group:
            _answer(waiting, failure)


@contextmanager
def _on_behalf_of(group: Sequence[_Waiting]) -> Iterator[None]:
    """The unit of work is a part of what each of the mutations is a part of."""
    parents = tuple(waiting.trace for waiting in group if waiting.trace is not None and waiting.trace.is_sampled)
    token = SHARED.set(Shared(parents, len(group)) if parents else None)
    try:
        yield
    finally:
        SHARED.reset(token)


def _outcome(ledger: Ledger, waiting: _Waiting) -> Mutated | Exception:
    try:
        return ledger.apply(waiting.user, waiting.mutation)
    except Refusal as exc:
        return exc
    except Exception as exc:
        logger.exception("state_mutation_failed", extra={"kind": waiting.mutation.kind})
        return exc


def _answer(waiting: _Waiting, outcome: Mutated | Exception) -> None:
    if waiting.answer.done():
        return
    if isinstance(outcome, Exception):
        waiting.answer.set_exception(outcome)
    else:
        waiting.answer.set_result(outcome)
