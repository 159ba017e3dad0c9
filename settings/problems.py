"""What is wrong with a configuration, in words an operator can act on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Problem:
    """One complaint.

    Attributes:
        key: full key of the option, `channel.namespaces[2].history_ttl`; "" when it concerns a whole source.
        message: what is wrong and what would be right; never holds the value of a secret.
        source: where the value came from: `flag`, `env SYNCLINE_…`, `file …`, `dev profile`; "" for a value nobody set.
    """

    key: str
    message: str
    source: str = ""

    def __str__(self) -> str:
        if not self.key:
            return f"{self.source}: {self.message}"
        return f"{self.key}: {self.message}" + (f" ({self.source})" if self.source else "")


class SettingsError(Exception):
    """The configuration cannot be used; every reason is in `problems`."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)
