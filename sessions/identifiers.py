"""Identifiers of what the database keeps."""

from __future__ import annotations

import uuid_utils


def new_id() -> str:
    """A UUIDv7 (RFC 9562): unique without asking anybody, in the order of time, so that indexes grow at their end.

    Not a secret: it tells when it was made, and the next one can be narrowed down.
    """
    return str(uuid_utils.uuid7())
