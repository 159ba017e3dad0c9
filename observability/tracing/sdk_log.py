"""What the OpenTelemetry SDK says about itself: as our warnings, masked, at most one a minute of each of its loggers.

With a dead collector it would write several lines for every batch, and errors among them.
"""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from observability.masking import mask_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hub.clock import Clock

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 60.0

MAX_DETAIL_CHARS: Final = 500

SDK_LOGGER: Final = "opentelemetry"

_HEADERS: Final = "HEADERS"
"""How the variables end whose values are secrets: a member that the SDK cannot read it repeats in its complaint."""

_MASK: Final = "***"


class QuietSdkHandler(logging.Handler):
    """Any thread."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(logging.WARNING)
        self._clock = clock
        self._secrets = secrets_in(os.environ)
        self._written_s: dict[str, float] = {}
        self._num_left_out: dict[str, int] = {}

    def emit(self, record: logging.LogRecord) -> None:
        source = record.name
        now_s = self._clock.monotonic_s()
        if now_s - self._written_s.get(source, -INTERVAL_S) < INTERVAL_S:
            self._num_left_out[source] = self._num_left_out.get(source, 0) + 1
            return
        self._written_s[source] = now_s
        detail = mask_text(self._without_secrets(record.getMessage()))[:MAX_DETAIL_CHARS]
        left_out = self._num_left_out.pop(source, 0)
        logger.warning("telemetry_export", extra={"detail": detail, "source": source, "left_out": left_out})

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, _MASK)
        return text


def secrets_in(environ: Mapping[str, str]) -> list[str]:
    """The members of OTEL_EXPORTER_OTLP_HEADERS and its like, as the SDK repeats them; longest first."""
    values = [value for name, value in environ.items() if name.startswith("OTEL_") and name.endswith(_HEADERS)]
    members = {member.strip() for value in values for member in (value, *value.split(","))}
    return sorted(members - {""}, key=len, reverse=True)


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
