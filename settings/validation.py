"""Sources to Settings, with every unusable value told in the operator's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from settings.model import Settings
from settings.options import Option, all_options
from settings.paths import KeyPath, key_of
from settings.sources import origin_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pydantic_core import ErrorDetails

    from settings.inspection import Inspection
    from settings.sources import Source

_NAMESPACE_ITEM: Final = ("channel", "namespaces")
_TEMPLATE_ITEM: Final = ("channel", "without_namespace")
_LONGEST_SHOWN: Final = 40


def validated(sources: Sequence[Source], inspection: Inspection) -> Settings:
    """Settings made of what is usable; whatever is not is told and left at its default.

    So rules about several options can still be checked, and the operator hears of everything at once.
    """
    while True:
        try:
            return Settings(_build_sources=(tuple(sources), {}))
        except ValidationError as exc:
            errors = exc.errors(include_url=False)
            for error in errors:
                path = _path_of(error)
                inspection.fail(error["loc"], _message(error, path), origin_of(path, sources))
            if not _removed([_path_of(error) for error in errors], sources):
                raise


def _path_of(error: ErrorDetails) -> KeyPath:
    """The option an error is about; an element of a list of strings counts as the whole list."""
    path = error["loc"]
    return path[:-1] if path and isinstance(path[-1], int) else path


def _removed(paths: Sequence[KeyPath], sources: Sequence[Source]) -> bool:
    """Take values out of every source, so that the defaults take their place; say whether there were any."""
    return any([source.remove(path) for source in sources for path in paths])


def _message(error: ErrorDetails, path: KeyPath) -> str:
    describe = _DESCRIPTIONS.get(error["type"])
    message = describe(error.get("ctx", {})) if describe else error["msg"][:1].lower() + error["msg"][1:]
    return message + _shown(error["input"], _option_at(path))


def _option_at(path: KeyPath) -> Option | None:
    if path[: len(_NAMESPACE_ITEM)] == _NAMESPACE_ITEM:
        path = (*_TEMPLATE_ITEM, *path[len(_NAMESPACE_ITEM) + 1 :])
    return all_options().get(key_of(path))


def _shown(value: object, option: Option | None) -> str:
    """The value, where it is short and cannot be a secret."""
    if option is None or option.shape.can_be_file or not isinstance(value, str | int | float):
        return ""
    text = repr(value)
    return f", not {text}" if len(text) <= _LONGEST_SHOWN else ""


_DESCRIPTIONS: Final[dict[str, Callable[[dict[str, Any]], str]]] = {
    "bool_parsing": lambda _: "must be true or false",
    "bool_type": lambda _: "must be true or false",
    "int_parsing": lambda _: "must be a whole number",
    "int_type": lambda _: "must be a whole number",
    "int_from_float": lambda _: "must be a whole number",
    "string_type": lambda _: "must be a string",
    "tuple_type": lambda _: "must be a list",
    "literal_error": lambda ctx: f"must be {ctx['expected']}",
    "greater_than_equal": lambda ctx: f"must be {ctx['ge']} or more",
    "less_than_equal": lambda ctx: f"must be {ctx['le']} or less",
    "value_error": lambda ctx: str(ctx["error"]),
}
