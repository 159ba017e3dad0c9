"""Filters: which messages a route is for. Pure.

A pattern is a text in which `*` stands for any characters; numbers and booleans are compared as they are written. A
path that leads nowhere, or to an object or a list, has no value: no pattern matches it, not even `*`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hub.relay.paths import Path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hub.relay.paths import Scope


class Filter:
    """`when` and `unless` of one route, understood."""

    def __init__(self, when: Mapping[str, tuple[str, ...]], unless: Mapping[str, tuple[str, ...]]) -> None:
        """Raises: PathInvalid."""
        self._when = [_Condition(path, patterns) for path, patterns in when.items()]
        self._unless = [_Condition(path, patterns) for path, patterns in unless.items()]

    def paths(self) -> Iterator[Path]:
        for condition in (*self._when, *self._unless):
            yield condition.path

    def matches(self, scope: Scope) -> bool:
        for condition in self._when:
            if not condition.holds(scope):
                return False
        return not any(condition.holds(scope) for condition in self._unless)


class _Condition:
    __slots__ = ("_is_match", "path")

    def __init__(self, path: str, patterns: tuple[str, ...]) -> None:
        self.path = Path(path)
        self._is_match = _matcher(patterns)

    def holds(self, scope: Scope) -> bool:
        try:
            value = self.path.read(scope)
        except ValueError:
            return False
        return value is not None and self._is_match(value)


def _matcher(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    if not any("*" in pattern for pattern in patterns):
        return frozenset(patterns).__contains__
    one_of = "|".join(".*".join(map(re.escape, pattern.split("*"))) for pattern in patterns)
    regex = re.compile(one_of, re.DOTALL)
    return lambda value: regex.fullmatch(value) is not None
