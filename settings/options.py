"""Every option of the tree, as a list: what the environment, the documentation and the search for typos go by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel

from settings.model import Settings
from settings.paths import key_of
from settings.section import Section, Shape, shape_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

ENV_PREFIX: Final = "SYNCLINE_"
ENV_NESTING: Final = "__"
ENV_FILE_SUFFIX: Final = "_FILE"

_PLAIN_SHAPES: Final[dict[Any, Shape]] = {bool: Shape("boolean"), str: Shape("string")}


@dataclass(frozen=True, slots=True)
class Option:
    """One leaf of the tree."""

    path: tuple[str, ...]
    shape: Shape
    default: Any
    description: str

    @property
    def key(self) -> str:
        return key_of(self.path)

    @property
    def env_name(self) -> str:
        return ENV_PREFIX + ENV_NESTING.join(self.path).upper()

    @property
    def is_secret(self) -> bool:
        return self.shape.name == "secret"


def section_of(field: FieldInfo) -> type[Section] | None:
    """The section behind a field, None for a leaf or a list of sections."""
    annotation = field.annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, Section) else None


def item_section_of(field: FieldInfo) -> type[Section] | None:
    """The section behind each item of a field that is a list of sections."""
    for argument in get_args(field.annotation):
        if isinstance(argument, type) and issubclass(argument, Section):
            return argument
    return None


def options_of(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[Option]:
    """The options below a section, in the order in which they are declared."""
    for name, field in model.model_fields.items():
        path = (*above, name)
        section = section_of(field)
        if section is not None:
            yield from options_of(section, path)
        else:
            yield Option(path, _shape(field), field.default, field.description or "")


def shape_name_of(field: FieldInfo) -> str:
    """What operators know the type of a leaf as."""
    return _shape(field).name


@cache
def all_options() -> dict[str, Option]:
    """Every option by its key."""
    return {option.key: option for option in options_of(Settings)}


def _shape(field: FieldInfo) -> Shape:
    declared = shape_of(field.metadata)
    if declared is not None:
        return declared
    if item_section_of(field) is not None:
        return Shape("list of sections")
    if get_origin(field.annotation) is Literal:
        return Shape(" or ".join(f'"{value}"' for value in get_args(field.annotation)))
    return _PLAIN_SHAPES[field.annotation]
