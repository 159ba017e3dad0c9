"""Something that is measured, and how one gets it running."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.flush import Flush
from bench.load.target import Target
from bench.process_tree import ProcessTree

Available = Callable[[], str]
"""Empty if it can be measured here, else what is missing."""


@dataclass(frozen=True)
class Server:
    """A running subject."""

    processes: ProcessTree
    target: Target
    flush: Flush | None = None  # where it has a database


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
