"""What every level of the settings tree has in common, and the types of its leaves.

A value's type carries a Shape: the name operators know it by, and whether the environment may name a file instead.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, SecretStr

from settings.duration import format_duration, parse_duration

MAX_PORT: Final = 65_535


class Section(BaseModel):
    """One level of the tree. Immutable; a key it does not have is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Shape(NamedTuple):
    """How a type is presented: its name, and whether `<variable>_FILE` may name a file that holds the value."""

    name: str
    can_be_file: bool = False


def _to_duration(value: object) -> object:
    if isinstance(value, str):
        return parse_duration(value)
    if value == 0 and not isinstance(value, bool):
        return 0.0
    raise ValueError('must be a duration in quotes with its unit, such as "25s", "1m30s", "300ms" or "720h"')


def _to_integer(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a whole number")
    return value


def _to_optional_port(value: object) -> object:
    return 0 if value == "" else _to_integer(value)


def _to_words(value: object) -> object:
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


Duration = Annotated[
    float, BeforeValidator(_to_duration), Field(ge=0), PlainSerializer(format_duration), Shape("duration")
]
Count = Annotated[int, BeforeValidator(_to_integer), Field(ge=0), Shape("integer")]
PositiveCount = Annotated[int, BeforeValidator(_to_integer), Field(ge=1), Shape("integer")]
Port = Annotated[int, BeforeValidator(_to_integer), Field(ge=0, le=MAX_PORT), Shape("port")]
OptionalPort = Annotated[int, BeforeValidator(_to_optional_port), Field(ge=0, le=MAX_PORT), Shape("port")]
Words = Annotated[tuple[str, ...], BeforeValidator(_to_words), Shape("list of strings")]
Secret = Annotated[SecretStr, Shape("secret", can_be_file=True)]
Secrets = Annotated[tuple[SecretStr, ...], BeforeValidator(_to_words), Shape("list of secrets")]
PublicKey = Annotated[str, Shape("PEM", can_be_file=True)]
Regex = Annotated[str, Shape("regular expression")]

NO_SECRET: Final = SecretStr("")


def shape_of(metadata: list[Any]) -> Shape | None:
    return next((item for item in metadata if isinstance(item, Shape)), None)
