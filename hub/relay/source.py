"""The port of what brings messages in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from hub.histogram import Histogram


class SourceHealth(NamedTuple):
    """How a source is.

    Attributes:
        is_attached: it is receiving, or would be if anything came.
        age_s: for how long that has been so, or not been so.
        detail: for operators, when it is not attached: what it waits for. Never a password.
    """

    name: str
    is_attached: bool
    age_s: float
    detail: str = ""


class Source(Protocol):
    """Brings the messages of one carrier to the Intake, and acknowledges what the engine has accepted."""

    name: str

    async def run(self) -> None:
        """Receive until cancelled; reconnects by itself and never ends by itself. One task of the supervisor's."""

    async def stop_intake(self) -> None:
        """Take nothing new, finish and acknowledge what is in flight. Returns within its own deadline, and for good."""

    def measures(self) -> dict[str, float]:
        """Counters and gauges by name; always the same names."""

    def histograms(self) -> dict[str, Histogram]:
        """Distributions by name; always the same ones."""

    def health(self) -> SourceHealth: ...
