"""Who a request or a live connection acts for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """A user on one device in one login session, as its access token says."""

    user: str
    sid: str
    did: str
    roles: frozenset[str]
