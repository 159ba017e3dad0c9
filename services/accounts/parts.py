"""What logging in and the profile both work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hub.clock import Clock
    from services.accounts.config import ThrottleConfig
    from services.accounts.session_keeper import SessionKeeper
    from services.accounts.store import UserStore
    from services.accounts.throttle import Throttle
    from sessions.audit import Audit
    from storage.database import Database


@dataclass(frozen=True, slots=True)
class Parts:
    """One set for the whole service: the throttle in it counts what all of them admit."""

    database: Database
    store: UserStore
    sessions: SessionKeeper
    throttle: Throttle
    audit: Audit
    limits: ThrottleConfig
    clock: Clock
