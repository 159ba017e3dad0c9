"""Where a value stands in a tree of settings: ("channel", "namespaces", 2, "name"), spelt
`channel.namespaces[2].name`. Pure.
"""

from __future__ import annotations

KeyPath = tuple[str | int, ...]


def key_of(path: KeyPath) -> str:
    key = ""
    for step in path:
        if isinstance(step, int):
            key += f"[{step}]"
        else:
            key += f".{step}" if key else step
    return key


def is_under(key: str, ancestor: str) -> bool:
    """Whether `key` is `ancestor` or part of it; everything is part of ""."""
    return not ancestor or key == ancestor or key.startswith((f"{ancestor}.", f"{ancestor}["))


def path_of(key: str) -> KeyPath:
    """The inverse of key_of."""
    return tuple(int(step) if step.isdigit() else step for step in key.replace("[", ".").replace("]", "").split("."))
