"""Templates: `payments:#{data.customer_id}`. Pure.

`{path}` stands for a value of the message, `{{` and `}}` for braces. In a channel name a value may not change what the
name means: to whom it is limited, or which namespace it is in.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from hub.channels import NAMESPACE_BOUNDARY, PRIVATE_PREFIX, USER_BOUNDARY, USER_SEPARATOR
from hub.relay.paths import Path, PathInvalid
from hub.relay.rejection import BAD_CHANNEL, Rejected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.relay.paths import Scope

_PARTS: Final = re.compile(r"(?P<escaped>\{\{|\}\})|\{(?P<path>[^{}]*)\}|(?P<stray>[{}])|(?P<literal>[^{}]+)")


class TemplateInvalid(ValueError):
    """Not a template; the text says why."""


class Placeholder(NamedTuple):
    """Attributes: forbidden: characters that its value may not have, for the place where it stands in the name."""

    path: Path
    forbidden: str = ""


class Template:
    """A template that has been understood."""

    def __init__(self, text: str) -> None:
        """Raises: TemplateInvalid."""
        self.text = text
        self.parts: tuple[str | Placeholder, ...] = tuple(_joined(_parsed(text)))

    @property
    def paths(self) -> list[Path]:
        return [part.path for part in self.parts if isinstance(part, Placeholder)]

    @property
    def fixed_start(self) -> str:
        """The text in front of the first value; all of it where there is none."""
        first = self.parts[0] if self.parts else ""
        return first if isinstance(first, str) else ""

    def render(self, scope: Scope) -> str | None:
        """The text; None when one of the values is missing, or is no single value."""
        texts: list[str] = []
        for part in self.parts:
            try:
                text = part if isinstance(part, str) else part.path.read(scope)
            except ValueError:
                return None
            if text is None:
                return None
            texts.append(text)
        return "".join(texts)


class ChannelTemplate(Template):
    """A template that names a channel.

    Args:
        is_trusted: whoever writes the values may name any channel with them.
    """

    def __init__(self, text: str, max_length_bytes: int, *, is_trusted: bool = False) -> None:
        """Raises: TemplateInvalid."""
        super().__init__(text)
        self._max_length_bytes = max_length_bytes
        if not self.parts:
            raise TemplateInvalid("must name a channel")
        if not is_trusted:
            self.parts = tuple(_guarded(self.parts))
        fixed = "".join(part for part in self.parts if isinstance(part, str))
        if not fixed.isprintable():
            raise TemplateInvalid("holds characters that no channel name may have")
        if len(fixed.encode()) > max_length_bytes:
            raise TemplateInvalid(f"is longer than {max_length_bytes} bytes (channel.max_length)")

    def channel(self, scope: Scope) -> str:
        """Raises: Rejected: bad_channel, with the path whose value does not fit."""
        name = "".join([part if type(part) is str else _value(part, scope) for part in self.parts])  # type: ignore[arg-type]  # a placeholder where it is no text
        if len(name) * 4 > self._max_length_bytes and len(name.encode()) > self._max_length_bytes:
            raise Rejected(BAD_CHANNEL, f"channel of {self.text!r} is longer than {self._max_length_bytes} bytes")
        return name


def _value(placeholder: Placeholder, scope: Scope) -> str:
    path, forbidden = placeholder
    try:
        value = path.read(scope)
    except ValueError as exc:
        raise Rejected(BAD_CHANNEL, str(exc), path.text) from exc
    if not value:
        raise Rejected(BAD_CHANNEL, "is missing" if value is None else "is empty", path.text)
    if not value.isprintable():
        raise Rejected(BAD_CHANNEL, "holds characters that no channel name may have", path.text)
    for character in forbidden:
        if character in value:
            raise Rejected(BAD_CHANNEL, f"holds {character!r}, which would make it another channel", path.text)
    return value


# --- parsing --------------------------------------------------------------------------------------------------------


def _parsed(text: str) -> Iterator[str | Placeholder]:
    for match in _PARTS.finditer(text):
        if match["stray"]:
            raise TemplateInvalid(f"a {match['stray']!r} without its partner; write it twice to have one")
        if match["path"] is not None:
            yield Placeholder(_path(match["path"]))
        else:
            yield match["literal"] or match["escaped"][0]


def _path(text: str) -> Path:
    try:
        return Path(text)
    except PathInvalid as exc:
        raise TemplateInvalid(str(exc)) from exc


def _joined(parts: Iterator[str | Placeholder]) -> Iterator[str | Placeholder]:
    literal = ""
    for part in parts:
        if isinstance(part, str):
            literal += part
            continue
        if literal:
            yield literal
            literal = ""
        yield part
    if literal:
        yield literal


def _guarded(parts: tuple[str | Placeholder, ...]) -> Iterator[str | Placeholder]:
    """Tell each placeholder what its value may not hold, by what stands in front of it."""
    before = ""
    for part in parts:
        if isinstance(part, str):
            before += part
            yield part
            continue
        forbidden = USER_BOUNDARY
        if not before:
            forbidden += PRIVATE_PREFIX
        if NAMESPACE_BOUNDARY not in before:
            forbidden += NAMESPACE_BOUNDARY
        if USER_BOUNDARY in before:
            forbidden += USER_SEPARATOR
        yield part._replace(forbidden=forbidden)
