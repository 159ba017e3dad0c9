"""Where values come from. A source is a tree of values that knows the flag, variable or file behind each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from pydantic_settings import PydanticBaseSettingsSource

from settings.model import Settings
from settings.paths import KeyPath, key_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic.fields import FieldInfo

Tree = dict[str, Any]
MISSING: Final = object()


class Source(PydanticBaseSettingsSource):
    """One tree of values; pydantic-settings lays several of them over each other, the first one on top.

    Attributes:
        name: what stands behind the values as a whole: `file syncline.toml`.
        tree: the values, nested as the settings are. Lists are replaced as a whole, never merged.
        names: what stands behind single values, by key, where that says more than `name`.
    """

    def __init__(self, name: str, tree: Tree | None = None) -> None:
        super().__init__(Settings)
        self.name = name
        self.tree: Tree = {} if tree is None else tree
        self.names: dict[str, str] = {}

    def __call__(self) -> Tree:
        return self.tree

    def get_field_value(
        self,
        field: FieldInfo,  # noqa: ARG002 - the parameters are pydantic-settings'
        field_name: str,
    ) -> tuple[Any, str, bool]:
        """For sources that are asked field by field."""
        return self.tree.get(field_name), field_name, False

    def put(self, path: Sequence[str], value: object, name: str = "") -> None:
        section = self.tree
        for step in path[:-1]:
            section = section.setdefault(step, {})
        section[path[-1]] = value
        if name:
            self.names[key_of(tuple(path))] = name

    def get(self, path: KeyPath) -> object:
        """The value at `path`, MISSING where this source has none."""
        node: Any = self.tree
        for step in path:
            try:
                node = node[step]
            except (KeyError, IndexError, TypeError):
                return MISSING
        return cast("object", node)

    def remove(self, path: KeyPath) -> bool:
        """Drop the value at `path`, which ends in a name; say whether there was one."""
        parent = self.get(path[:-1])
        return isinstance(parent, dict) and parent.pop(path[-1], MISSING) is not MISSING

    def name_of(self, path: KeyPath) -> str:
        """What stands behind the value at `path`: the most special name known."""
        for length in range(len(path), 0, -1):
            name = self.names.get(key_of(path[:length]))
            if name is not None:
                return name
        return self.name


def origin_of(path: KeyPath, sources: Sequence[Source]) -> str:
    """What stands behind the value in effect at `path`; "" when it is the default."""
    for source in sources:
        if source.get(path) is not MISSING:
            return source.name_of(path)
    return ""
