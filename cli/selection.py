"""Which of several things a command works on, and how it tells since when they are there."""

from __future__ import annotations

from cli.console import fail


def selected(ids: list[str] | None, *, everything: bool, what: str) -> frozenset[str] | None:
    """What `--id`, given several times, or `--all` names; None for all of them. It must be one of both.

    Args:
        what: what they are called.
    """
    if bool(ids) == everything:
        fail(f"name {what} with --id, or take --all")
    return None if everything else frozenset(ids or ())


def time_text(at_ms: int) -> str:
    """Unix time as ISO 8601, to the second."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at_ms // 1000, UTC).isoformat()
