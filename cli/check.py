"""One line of `syncline doctor`."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Status(Enum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Check(NamedTuple):
    """How it stands, what was looked at and, unless all is well, what to do."""

    status: Status
    subject: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.status.value:<5}{self.subject}" + (f": {self.advice}" if self.advice else "")
