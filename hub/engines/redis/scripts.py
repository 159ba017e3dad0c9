"""The Lua scripts: one call of one is one step of the server, in which nothing else happens there."""

from __future__ import annotations

from hashlib import sha1
from importlib.resources import files
from typing import Final

_LUA: Final = files("hub.engines.redis") / "lua"


class Script:
    """One script, called by its hash.

    Args:
        parts: files of lua/, put one after the other.
    """

    def __init__(self, *parts: str) -> None:
        self.source = "\n".join((_LUA / f"{part}.lua").read_text() for part in parts)
        self.sha = sha1(self.source.encode(), usedforsecurity=False).hexdigest().encode()


PUBLISH: Final = Script("publish")
HISTORY: Final = Script("history")
MISSED: Final = Script("missed")
CLEAR: Final = Script("clear")
PRESENCE_ADD: Final = Script("presence", "presence_add")
PRESENCE_REMOVE: Final = Script("presence", "presence_remove")
PRESENCE_LIST: Final = Script("presence", "presence_list")
PRESENCE_STATS: Final = Script("presence", "presence_stats")
CONTROL: Final = Script("control")
CONTROL_MISSED: Final = Script("control_missed")
ANNOUNCE: Final = Script("announce")

SOURCES: Final = tuple(
    script.source
    for script in (
        PUBLISH,
        HISTORY,
        MISSED,
        CLEAR,
        PRESENCE_ADD,
        PRESENCE_REMOVE,
        PRESENCE_LIST,
        PRESENCE_STATS,
        CONTROL,
        CONTROL_MISSED,
        ANNOUNCE,
    )
)
"""What every command link loads before its first use."""
