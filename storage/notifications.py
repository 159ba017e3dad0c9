"""The Notifications port: a word from other users of the database that there is something to look at.

Never the truth: a word may be lost, and whoever goes by it looks by himself now and then.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    OnNotification = Callable[[str], None]


class Notifications(Protocol):
    """Listens to one channel of the database at a time."""

    async def run(self, channel: str, on_notification: OnNotification) -> None:
        """Listen until cancelled; connects again by itself, and never ends by itself.

        Args:
            on_notification: called with each payload; with "" whenever some may have been missed.
        """

    def measures(self) -> dict[str, float]:
        """Counters and gauges, by name."""


class Silence:
    """A database that tells nobody anything, or cannot be asked to."""

    async def run(self, channel: str, on_notification: OnNotification) -> None:  # noqa: ARG002  # nothing comes
        await asyncio.Event().wait()

    def measures(self) -> dict[str, float]:
        return {"notifications_received": 0.0, "notifications_is_listening": 0.0}


SILENCE: Final = Silence()
