"""What the OpenTelemetry SDK says about itself: as our warnings, masked, at most one a minute of each of its loggers.

With a dead collector it would write several lines for every batch, and errors among them.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from observability.masking import mask_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.clock import Clock

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 60.0

MAX_DETAIL_CHARS: Final = 500

SDK_LOGGER: Final = "opentelemetry"


class QuietSdkHandler(logging.Handler):
    """Any thread."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(logging.WARNING)
        self._clock = clock
        self._written_s: dict[str, float] = {}
        self._num_left_out: dict[str, int] = {}

    def emit(self, record: logging.LogRecord) -> None:
        source = record.name
        now_s = self._clock.monotonic_s()
        if now_s - self._written_s.get(source, -INTERVAL_S) < INTERVAL_S:
            self._num_left_out[source] = self._num_left_out.get(source, 0) + 1
            return
        self._written_s[source] = now_s
        detail = mask_text(record.getMessage())[:MAX_DETAIL_CHARS]
        left_out = self._num_left_out.pop(source, 0)
        logger.warning("telemetry_export", extra={"detail": detail, "source": source, "left_out": left_out})


@contextmanager
def quiet_sdk_log(clock: Clock) -> Iterator[None]:
    """As long as the block runs. A second one inside the first changes nothing: traces and metrics may both want it."""
    sdk = logging.getLogger(SDK_LOGGER)
    if any(isinstance(handler, QuietSdkHandler) for handler in sdk.handlers):
        yield
        return
    handler, propagate = QuietSdkHandler(clock), sdk.propagate
    sdk.addHandler(handler)
    sdk.propagate = False
    try:
        yield
    finally:
        sdk.removeHandler(handler)
        sdk.propagate = propagate
