"""Shared state as REST and RPC use it: one implementation behind both doors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.checkpoint import unobserved
from sessions.identifiers import new_id
from sessions.refusal import Kind, Refusal
from sessions.state import store
from sessions.state.document import Changes
from sessions.state.ledger import document
from sessions.state.mutation import checked, require_key
from sessions.state.retention import Retention
from sessions.state.write_rate import WriteRate
from sessions.state.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from hub.checkpoint import Checkpoint
    from hub.clock import Clock
    from hub.relay.outbox import Outbox
    from sessions.config import StateConfig
    from sessions.state.document import Change, Document, DocumentInfo, Mutated
    from sessions.state.mutation import Mutation
    from storage.database import Database

MAX_CHANGES = 1_000
DEFAULT_CHANGES = 100
MAX_ANSWER_BYTES = 1 << 20
"""Patches in one answer, without the last of them: there is always one."""


class StateDocuments:
    """The documents of all users. Make it with `open_state`, and give its `tasks` to the supervisor.

    Attributes:
        epoch: names this database's history of versions; another one after a restore.
    """

    def __init__(
        self,
        business: Database,
        outbox: Outbox,
        clock: Clock,
        config: StateConfig,
        epoch: str,
        *,
        checkpoint: Checkpoint = unobserved,
    ) -> None:
        self.epoch = epoch
        self._business = business
        self._config = config
        self._writer = Writer(business, outbox, clock, config, checkpoint=checkpoint)
        self._retention = Retention(business, clock, config)
        self._rate = WriteRate(config.mutation_rate_per_s, config.mutation_burst, clock)

    def tasks(self) -> list[tuple[str, Coroutine[object, object, None]]]:
        """The work that must go on as long as the node lives, by name."""
        return [
            ("state.writer", self._writer.run(self.epoch)),
            ("state.retention", self._retention.run()),
        ]

    async def sweep(self) -> None:
        """Forget at once what is old enough, instead of when the time comes. For operators and tests.

        Raises:
            StorageUnavailable
        """
        await self._retention.sweep()

    def measures(self) -> dict[str, float]:
        """Counters and gauges, by name."""
        return {
            "state_waiting": self._writer.num_waiting,
            "state_groups": self._writer.num_groups,
            "state_mutations": self._writer.num_mutations,
            "state_refused_full": self._writer.num_refused_full,
            "state_refused_rate": self._rate.num_refused,
            "state_patches_dropped": self._writer.num_patches_dropped,
            "state_changes_forgotten": self._retention.num_changes,
            "state_documents_purged": self._retention.num_documents,
        }

    async def get(self, user: str, key: str) -> Document:
        """The document as it is; without `value` when it is not there.

        Raises:
            Refusal: INVALID invalid_field.
            StorageUnavailable
        """
        require_key(key)
        slot = await store.get(self._business, user, key)
        return document(key, slot.version, slot.value, self.epoch)

    async def list(self, user: str) -> list[DocumentInfo]:
        """All documents of a user, by key; at most `max_documents`.

        Raises:
            StorageUnavailable
        """
        return await store.infos(self._business, user)

    async def changes(self, user: str, key: str, since: int, limit: int = DEFAULT_CHANGES) -> Changes:
        """The log after version `since`; `limit` is cut to MAX_CHANGES, and to what weighs MAX_ANSWER_BYTES.

        Raises:
            Refusal: INVALID invalid_field.
            StorageUnavailable
        """
        require_key(key)
        if not 0 <= since < 1 << 53:
            raise Refusal(Kind.INVALID, "invalid_field", "a version is not negative", "since")
        slot = await store.get(self._business, user, key)
        limit = max(1, min(limit, MAX_CHANGES))
        changes = await store.changes(self._business, user, key, since, limit, MAX_ANSWER_BYTES)
        version = max([slot.version, *(change.version for change in changes[-1:])])  # the log was read second
        is_complete = _follows(changes, since) if changes else since == version
        return Changes(
            key=key,
            version=version,
            epoch=self.epoch,
            changes=changes if is_complete else [],
            is_complete=is_complete,
        )

    async def mutate(self, user: str, mutation: Mutation) -> Mutated:
        """Apply a mutation once; when this returns it is durable, and on its way to the user's devices.

        Cancellation: it may or may not have been applied. Asking again with the same id tells.

        Raises:
            Refusal: CONFLICT version_conflict, `extra["current"]` is the Document; REUSED mutation_reused; NOT_FOUND
                not_found (a removal); TOO_LARGE too_large, quota_exceeded; INVALID invalid_field, invalid_json,
                invalid_patch, patch_failed; LIMITED too_many_requests.
            StorageUnavailable: repeat with the same id.
        """
        self._rate.take(user)
        return await self._writer.submit(user, checked(mutation, self._config))


def _follows(changes: Sequence[Change], since: int) -> bool:
    """Whether none is missing. They are forgotten by age, and the clocks of nodes differ: any may go first. Those whose
    patch was dropped are missing too.
    """
    return all(change.version == version for version, change in enumerate(changes, since + 1))


async def open_state(
    business: Database, outbox: Outbox, clock: Clock, config: StateConfig, *, checkpoint: Checkpoint = unobserved
) -> StateDocuments:
    """The documents in this database, which gets its epoch when it has none.

    Raises:
        StorageUnavailable
    """
    epoch = await store.epoch(business, new_id())
    return StateDocuments(business, outbox, clock, config, epoch, checkpoint=checkpoint)
