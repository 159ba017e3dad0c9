"""Something that is measured, and how one gets it running."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.flush import Flush
from bench.load.redis_feed import Doorbell
from bench.load.target import Target
from bench.process_tree import ProcessTree


class Source(Protocol):
    """A backlog outside the server, which begins to flow at a moment of the bench's choosing."""

    def fill(self, messages: Sequence[bytes]) -> None:
        """Put them there, in this order; the server sees none of them yet."""
        ...

    def release(self) -> None:
        """Let all of it flow."""
        ...


Available = Callable[[], str]
"""Empty if it can be measured here, else what is missing."""


@dataclass(frozen=True)
class Server:
    """A running subject."""

    processes: ProcessTree
    target: Target
    flush: Flush | None = None  # where it has a database
    beside: ProcessTree | None = None  # what it works with, on the generator's core: its CPU time is not the server's
    is_pinned: bool = True  # to the server's core; else it is where the system puts it
    doorbell: Doorbell | None = None  # where it listens to Redis
    source: Source | None = None  # where its messages come from, when not from the generator


Launch = Callable[[Path], contextlib.AbstractContextManager[Server]]
"""Start it with a scratch folder of its own; leaving the context ends it."""


@dataclass(frozen=True)
class Subject:
    name: str
    scenarios: frozenset[str]
    launch: Launch
    missing: Available = str

    @property
    def speaks_centrifuge(self) -> bool:
        """Whether tokens, presence and slow clients mean anything to it."""
        return "slow_client" in self.scenarios
