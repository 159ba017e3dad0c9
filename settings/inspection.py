"""What is found while a configuration is read: problems, warnings, and which options cannot be judged any more."""

from __future__ import annotations

from settings.paths import KeyPath, is_under, key_of
from settings.problems import Problem


class Inspection:
    """Collects everything that is wrong, so that it can be told at once."""

    def __init__(self, *, allow_unknown: bool) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self._allow_unknown = allow_unknown
        self._failed: set[str] = set()

    def fail(self, path: KeyPath, message: str, source: str) -> None:
        """The value at `path` is unusable; rules that depend on it are no longer worth telling."""
        key = key_of(path)
        self.problems.append(Problem(key, message, source))
        self._failed.add(key)

    def unknown(self, key: str, message: str, source: str) -> None:
        """Something that is not an option; a warning when unknown keys are allowed."""
        target = self.warnings if self._allow_unknown else self.problems
        target.append(Problem(key, message, source))

    def has_failed(self, key: str) -> bool:
        """Whether the value of this option is missing because of a problem already told."""
        return any(is_under(key, failed) for failed in self._failed)
