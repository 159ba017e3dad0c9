"""What one group of mutations reads and writes: the rules of shared state, without I/O.

A ledger is filled from the database, mutations are applied to it one after the other, and what has changed is written
back. One that is refused has changed nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET, Raw

from sessions.channels import state_channel
from sessions.refusal import Kind, Refusal
from sessions.state.document import Document, Mutated, Published
from sessions.state.mutation import applied

if TYPE_CHECKING:
    from sessions.config import StateConfig
    from sessions.state.mutation import Mutation

TRIM_EVERY = 16
"""Mutations of a document between two looks at the end of its log."""


@dataclass(slots=True)
class Holding:
    """What one user has: the numbers behind the quota.

    Attributes:
        floor_version: no document that is made anew may begin at or below it.
        log_bytes: what the patches in the change log weigh; may be over the quota until `change_log.strip`.
    """

    documents: int = 0
    num_bytes: int = 0
    floor_version: int = 0
    log_bytes: int = 0


@dataclass(slots=True)
class Slot:
    """A document's place: `value` is None before it is made and after it is removed, and the version goes on.

    Attributes:
        stripped_version: up to this one its changes have no patch to drop.
    """

    version: int
    value: bytes | None
    stripped_version: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """A mutation id that was used before, and what for."""

    key: str
    version: int
    digest: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """A mutation that is to be written to the log."""

    user: str
    mutation: Mutation
    version: int
    digest: str


@dataclass(slots=True)
class Ledger:
    """The part of the state that a group of mutations touches. Keys are (user, key) and (user, mutation id).

    Attributes:
        trims: logs that are due for a look at their end, and up to which version they may be forgotten.
        num_stripped: patches dropped because the log is full.
    """

    config: StateConfig
    epoch: str
    holdings: dict[str, Holding] = field(default_factory=dict)
    slots: dict[tuple[str, str], Slot] = field(default_factory=dict)
    known: dict[tuple[str, str], Known] = field(default_factory=dict)
    accepted: list[Accepted] = field(default_factory=list)
    events: list[tuple[str, bytes]] = field(default_factory=list)
    trims: dict[tuple[str, str], int] = field(default_factory=dict)
    num_stripped: int = 0

    def apply(self, user: str, mutation: Mutation) -> Mutated:
        """Apply one mutation, which has been `checked`; a repeat is answered and changes nothing.

        Raises:
            Refusal: CONFLICT version_conflict with `current`; REUSED mutation_reused; TOO_LARGE; and as `applied`.
        """
        digest = mutation.digest()
        known = self.known.get((user, mutation.id))
        if known is not None:
            return self._repeated(mutation, known, digest)
        holding = self.holdings[user]
        slot = self.slots.get((user, mutation.key)) or Slot(holding.floor_version, None)
        self._require_base(mutation, slot)
        value = applied(mutation, slot.value, self.config)
        self._charge(holding, slot.value, value)
        self.slots[user, mutation.key] = Slot(slot.version + 1, value, slot.stripped_version)
        return self._accept(Accepted(user, mutation, slot.version + 1, digest))

    def _repeated(self, mutation: Mutation, known: Known, digest: str) -> Mutated:
        if known.digest != digest:
            raise Refusal(Kind.REUSED, "mutation_reused", "this id was used for something else", "mutation")
        return self._mutated(mutation, known.version)

    def _require_base(self, mutation: Mutation, slot: Slot) -> None:
        base = mutation.base_version
        if base is None or base == slot.version or (base == 0 and slot.value is None):
            return
        raise Refusal(
            Kind.CONFLICT,
            "version_conflict",
            f"the document is at version {slot.version}",
            "base_version",
            extra={"current": document(mutation.key, slot.version, slot.value, self.epoch)},
        )

    def _charge(self, holding: Holding, before: bytes | None, after: bytes | None) -> None:
        """The quota bounds growth: who is over it, because it was lowered, can still make documents smaller."""
        documents = holding.documents + (after is not None) - (before is not None)
        num_bytes = holding.num_bytes + len(after or b"") - len(before or b"")
        if documents > max(holding.documents, self.config.max_documents):
            raise Refusal(Kind.TOO_LARGE, "quota_exceeded", f"at most {self.config.max_documents} documents")
        if num_bytes > max(holding.num_bytes, self.config.max_user_bytes):
            raise Refusal(Kind.TOO_LARGE, "quota_exceeded", f"at most {self.config.max_user_bytes} bytes in all")
        holding.documents, holding.num_bytes = documents, num_bytes

    def _accept(self, accepted: Accepted) -> Mutated:
        user, mutation, version = accepted.user, accepted.mutation, accepted.version
        self.accepted.append(accepted)
        self.holdings[user].log_bytes += len(mutation.patch)
        self.known[user, mutation.id] = Known(mutation.key, version, accepted.digest)
        self.events.append((state_channel(user, mutation.key), self._event(mutation, version)))
        if version % TRIM_EVERY == 0:
            self.trims[user, mutation.key] = version - self.config.changes_kept
        return self._mutated(mutation, version)

    def _event(self, mutation: Mutation, version: int) -> bytes:
        return _ENCODER.encode(
            Published(
                version=version,
                kind=mutation.kind,
                patch=Raw(mutation.patch) if mutation.kind != "remove" else UNSET,
                mutation=mutation.id,
                device=mutation.device,
                epoch=self.epoch,
            )
        )

    def _mutated(self, mutation: Mutation, version: int) -> Mutated:
        return Mutated(key=mutation.key, version=version, mutation=mutation.id, epoch=self.epoch)


_ENCODER = msgspec.json.Encoder()


def document(key: str, version: int, value: bytes | None, epoch: str) -> Document:
    return Document(key=key, version=version, value=UNSET if value is None else Raw(value), epoch=epoch)
