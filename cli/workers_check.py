"""Whether a configuration lets several nodes run side by side."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from settings.model import Settings


def check_workers(settings: Settings) -> None:
    """Raises SettingsError when two nodes would not be one hub."""
    from settings.problems import Problem, SettingsError

    problems: list[Problem] = []
    if not hasattr(signal, "sigtimedwait"):
        problems.append(Problem("", "their parent cannot wait for signals on this system; run one node", "--workers"))
    if settings.engine.type != "redis":
        problems.append(Problem("engine.type", "must be redis where there are several --workers: they meet there"))
    if settings.accounts.enabled and not settings.database.url.get_secret_value():
        problems.append(
            Problem("database.url", "must be PostgreSQL where there are several --workers: SQLite has one process")
        )
    if problems:
        raise SettingsError(problems)
