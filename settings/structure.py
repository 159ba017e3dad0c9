"""Whether a tree of values has the shape of the settings: known keys, sections where sections belong.

Runs before pydantic sees the tree, so that a misspelt key can name its neighbour and can be let pass.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from settings.model import Settings
from settings.options import all_options, item_section_of, section_of
from settings.paths import KeyPath, key_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import BaseModel

    from settings.inspection import Inspection
    from settings.sources import Source, Tree

NOT_OURS: Final = frozenset({
    "admin", "broker", "debug", "dev", "emulation", "enable_unreleased_features", "graphite", "grpc_api",
    "http_stream", "init", "map_broker", "opentelemetry", "pid_file", "presence_manager", "prometheus", "proxies",
    "shared_poll", "sse", "swagger", "uni_grpc", "uni_http_stream", "uni_sse", "uni_websocket", "usage_stats",
    "webtransport",
})  # fmt: skip
"""Top-level names of Centrifugo v6 that have no counterpart here: a file brought along may hold them."""

_SIBLING_CUTOFF: Final = 0.7
_ANYWHERE_CUTOFF: Final = 0.6


def check_structure(source: Source, inspection: Inspection) -> None:
    """Tell what does not fit, and take it out of the source's tree."""
    _Check(source, inspection).section((), source.tree, Settings)


def nearest(key: str, siblings: Iterable[str] = ()) -> str:
    """The option, or the sibling, that `key` was most likely meant to be; "" when nothing is close."""
    close = get_close_matches(key, siblings, 1, _SIBLING_CUTOFF) or get_close_matches(
        key, all_options(), 1, _ANYWHERE_CUTOFF
    )
    return close[0] if close else ""


class _Check:
    def __init__(self, source: Source, inspection: Inspection) -> None:
        self._source = source
        self._inspection = inspection

    def section(self, path: KeyPath, tree: Tree, model: type[BaseModel]) -> None:
        for name in list(tree):
            if name in model.model_fields:
                self._known(path, tree, name, model)
            else:
                del tree[name]
                self._unknown((*path, name), model)

    def _known(self, above: KeyPath, tree: Tree, name: str, model: type[BaseModel]) -> None:
        path, field, value = (*above, name), model.model_fields[name], tree[name]
        section = section_of(field)
        item_section = item_section_of(field)
        if section is not None:
            tree[name] = self._checked_section(path, value, section)
        elif item_section is not None and isinstance(value, list):
            tree[name] = [self._checked_section((*path, i), item, item_section) for i, item in enumerate(value)]

    def _checked_section(self, path: KeyPath, value: Any, model: type[BaseModel]) -> Tree:
        if not isinstance(value, dict):
            self._inspection.fail(path, f"must hold options, not {_kind(value)}", self._source.name_of(path))
            return {}
        self.section(path, value, model)
        return value

    def _unknown(self, path: KeyPath, model: type[BaseModel]) -> None:
        key, above = key_of(path), key_of(path[:-1])
        siblings = [f"{above}.{name}" if above else name for name in model.model_fields]
        suggestion = nearest(key, siblings)
        if key in NOT_OURS:
            message = "is an option of Centrifugo that Syncline does not have"
        else:
            message = f"unknown key; did you mean {suggestion}?" if suggestion else "unknown key"
        self._inspection.unknown(key, message, self._source.name_of(path))


def _kind(value: object) -> str:
    names = {list: "a list", str: "a string", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), "null" if value is None else type(value).__name__)
