"""Why a message cannot be published, now or later."""

from __future__ import annotations

from typing import Final

MALFORMED: Final = "malformed"
OVERSIZE: Final = "oversize"
UNKNOWN_VERSION: Final = "unknown_version"
NO_ROUTE: Final = "no_route"
BAD_CHANNEL: Final = "bad_channel"
UNKNOWN_NAMESPACE: Final = "unknown_namespace"
REFUSED: Final = "refused"
DELIVERY_LIMIT: Final = "delivery_limit"
FAULT: Final = "fault"

REASONS: Final = (
    MALFORMED,
    OVERSIZE,
    UNKNOWN_VERSION,
    NO_ROUTE,
    BAD_CHANNEL,
    UNKNOWN_NAMESPACE,
    REFUSED,
    DELIVERY_LIMIT,
    FAULT,
)
"""Stable words: dead letters carry them, and operators alert on them. `fault` is a fault of our own."""


class Rejected(Exception):
    """Trying again would change nothing: the message belongs to the dead letters, with this reason.

    Attributes:
        reason: one of REASONS.
        detail: for the people who publish it: what is wrong, and where. Never the content of the message.
        field: the path or attribute that the detail is about; "" for none.
    """

    def __init__(self, reason: str, detail: str, field: str = "") -> None:
        """Args: detail: without the field, which is put in front of it."""
        self.reason = reason
        self.detail = f"{field}: {detail}" if field else detail
        self.field = field
        super().__init__(f"{reason}: {self.detail}")
