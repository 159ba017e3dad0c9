"""What can go wrong with RabbitMQ, in our own words."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from aiormq.exceptions import AMQPError

if TYPE_CHECKING:
    from collections.abc import Iterator


class LinkLost(Exception):
    """The connection, or a channel of it, is no good any more: open a new one. Never holds a password."""


UNAVAILABLE: Final = "unavailable"
BLOCKED: Final = "blocked"
TIMEOUT: Final = "timeout"
LOST: Final = "lost"
NACKED: Final = "nacked"
RETURNED: Final = "returned"
INVALID: Final = "invalid"


class PublishFailed(Exception):
    """The broker has not confirmed. Publish again, with the same message id, unless the letter is invalid.

    Attributes:
        reason: UNAVAILABLE (no connection), BLOCKED (the broker is short of memory or disk), INVALID (AMQP cannot
            carry this letter), NACKED (a queue is full) and RETURNED (no queue is bound to it): the broker does not
            have it. TIMEOUT and LOST (the connection ended before the confirm): nobody knows.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


@contextmanager
def losing_the_link(doing: str) -> Iterator[None]:
    """Whatever the driver raises inside becomes LinkLost.

    When a connection ends, the driver cancels what waits for it, which looks as if somebody had cancelled us. Who is
    really cancelled has been asked to by `Task.cancel`.
    """
    try:
        yield
    except asyncio.CancelledError as exc:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise LinkLost(f"{doing}: the connection was closed") from exc
    except TimeoutError as exc:
        raise LinkLost(f"{doing}: no answer in time") from exc
    except (AMQPError, OSError, RuntimeError, EOFError) as exc:
        raise LinkLost(f"{doing}: {str(exc) or type(exc).__name__}") from exc
