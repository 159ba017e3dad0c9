"""Which web pages may use the hub. Pure.

A browser sends its page's cookies with a WebSocket upgrade to any host, so the Origin header is the only thing between
a hostile page and a signed-in user's connection (cross-site WebSocket hijacking, CWE-1385). Closed by default.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Origins:
    """The allowed origins: exact, or patterns in which `*` stands for anything but a slash; a lone `*` allows all.

    A request without the header comes from no page (a phone, a backend) and passes.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        patterns = [pattern.lower() for pattern in patterns]
        self._allow_all = "*" in patterns
        self._regexes = [re.compile(re.escape(pattern).replace(r"\*", "[^/]*")) for pattern in patterns]

    def allow(self, origins: Sequence[str]) -> bool:
        """Whether a request with these Origin headers may come in; more than one header is refused."""
        if not origins or self._allow_all:
            return True
        if len(origins) > 1:
            return False
        origin = origins[0].lower()
        return any(regex.fullmatch(origin) for regex in self._regexes)
