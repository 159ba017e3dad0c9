"""Stream entries: as Redis hands them over, as messages, and as dead letters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hub.relay.message import Message
from hub.relay.rejection import MALFORMED, Rejected

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTENT_TYPE_FIELD: Final = "content-type"

OURS: Final = b"x-syncline-"
"""What the fields begin with that a dead letter has beside those of its entry."""


class Entry(NamedTuple):
    """Attributes: fields: names and values in turn, as they are sent."""

    id: str
    fields: list[bytes]

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        return zip(self.fields[::2], self.fields[1::2], strict=True)


def entries_of(answer: list[Any]) -> list[Entry]:
    """The entries of a range; those that have been deleted meanwhile are left out."""
    return [Entry(entry_id.decode(), fields) for entry_id, fields in answer if fields is not None]


def headers_of(entry: Entry) -> dict[str, str]:
    """Every field as text, the payload too."""
    return {name.decode(errors="replace"): value.decode(errors="replace") for name, value in entry.items()}


def message_of(entry: Entry, stream: str, payload_value: str) -> Message:
    """Every field but the payload is a header.

    Raises:
        Rejected: the payload is missing.
    """
    headers: dict[str, str] = {}
    body: bytes | None = None
    content_type, wanted = "", payload_value.encode()
    for name, value in entry.items():
        if name == wanted:
            body = value
            continue
        header = name.decode(errors="replace")
        headers[header] = value.decode(errors="replace")
        if header.lower() == CONTENT_TYPE_FIELD:
            content_type = headers[header]
    if body is None:
        raise Rejected(MALFORMED, f"the entry has no field {payload_value!r}")
    return Message(body, headers, content_type, f"{stream} {entry.id}", stream)
