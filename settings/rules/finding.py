"""One rule broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from settings.model import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """Where and why options do not go together.

    Attributes:
        key: the option the operator should look at.
        message: what is wrong.
        rests_on: other options it was judged by; when one of them is unusable, the finding means nothing.
        is_warning: the server can run like this.
    """

    key: str
    message: str
    rests_on: tuple[str, ...] = ()
    is_warning: bool = False


Rule = Callable[[Settings], Iterator[Finding]]
