"""Sections that are listed: each has a name of its own, and may be off."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from settings.rules.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Listed(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def enabled(self) -> bool: ...


L = TypeVar("L", bound=Listed)

_NAME: Final = re.compile(r"[A-Za-z0-9_]{2,}")


def enabled_ones(key: str, sections: Iterable[L]) -> Iterator[tuple[str, L]]:
    """Those that are on, each with the key it is found under."""
    for number, section in enumerate(sections):
        if section.enabled:
            yield f"{key}[{number}]", section


def name_findings(sections: Iterable[tuple[str, Listed]], what: str) -> Iterator[Finding]:
    """A name that is none, or another one's.

    Args:
        sections: as `enabled_ones` has them.
        what: one of them is called.
    """
    seen: set[str] = set()
    for key, section in sections:
        if _NAME.fullmatch(section.name) is None:
            yield Finding(f"{key}.name", "must be two or more of letters, digits and `_`")
        elif section.name in seen:
            yield Finding(f"{key}.name", f"{section.name!r} is another {what}'s too")
        seen.add(section.name)
