"""Named points between the steps of durable work, where tests let a node crash."""

from __future__ import annotations

from collections.abc import Callable

Checkpoint = Callable[[str], None]
"""Called with the point's name when it has been reached; in production it does nothing."""


def unobserved(point: str) -> None:
    """The checkpoint of a node that is not under test."""
