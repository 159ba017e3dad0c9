"""Request bodies: how much is read, for how long, and what becomes of it."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar
from urllib.parse import parse_qsl

import msgspec
import msgspec.inspect
import msgspec.structs
from aiohttp import web

from sessions.refusal import Kind, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

B_co = TypeVar("B_co", covariant=True)
S = TypeVar("S")

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"

MAX_JSON_BYTES: Final = 16 * 1024

BODY_DEADLINE_S: Final = 10.0
"""In which a whole body must have come: one that drips would hold its connection for ever."""

_NAMED_MEMBER: Final = re.compile(r"Object (?:contains unknown|missing required) field `([A-Za-z0-9_.-]{1,64})`")
_PLACE: Final = re.compile(r" - at `\$\.?([A-Za-z0-9_.\[\]-]{0,128})`$")


class BodyUnreadable(Refusal):
    """The chunks or the compression of a body are broken: nobody can tell where the next request would begin."""

    def __init__(self) -> None:
        super().__init__(Kind.INVALID, "invalid_request", "the body cannot be read")


class Body(Protocol[B_co]):
    """What an operation takes in its body.

    Attributes:
        media_types: those that are taken; others are answered with 415.
        is_optional: nothing at all is taken too.
    """

    @property
    def media_types(self) -> tuple[str, ...]: ...
    @property
    def max_bytes(self) -> int: ...
    @property
    def is_optional(self) -> bool: ...

    def decode(self, content: bytes) -> B_co: ...


class JSONBody(Generic[B_co]):
    """A JSON object with the members of a Struct and no others."""

    media_types = (JSON,)
    max_bytes = MAX_JSON_BYTES

    def __init__(self, model: type[B_co], *, is_optional: bool = False) -> None:
        self.model = model
        self.is_optional = is_optional
        self._decoder = msgspec.json.Decoder(model)

    def decode(self, content: bytes) -> B_co:
        try:
            return self._decoder.decode(content or b"{}")
        except msgspec.ValidationError as exc:
            raise invalid_field(exc, self.model) from exc
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            raise Refusal(Kind.INVALID, "invalid_json", "the body is not JSON") from exc


class RawBody:
    """Bytes for a service that reads them itself."""

    is_optional = False

    def __init__(self, media_types: tuple[str, ...], max_bytes: int) -> None:
        self.media_types = media_types
        self.max_bytes = max_bytes

    def decode(self, content: bytes) -> bytes:
        return content


class FormBody:
    """One field of a form (application/x-www-form-urlencoded); others are ignored, as OpenID asks."""

    media_types = (FORM,)
    is_optional = False

    def __init__(self, name: str, max_bytes: int) -> None:
        self.name = name
        self.max_bytes = max_bytes

    def decode(self, content: bytes) -> str:
        try:
            pairs = parse_qsl(content.decode("ascii"), keep_blank_values=True, max_num_fields=20)
        except ValueError as exc:
            raise Refusal(Kind.INVALID, "invalid_request", "the body is not a form") from exc
        values = [value for name, value in pairs if name == self.name]
        if len(values) != 1:
            raise Refusal(Kind.INVALID, "invalid_field", "must be given once", self.name)
        return values[0]


class NoParameters(msgspec.Struct, forbid_unknown_fields=True):
    """For operations without parameters: one that is ignored would be one that is relied on."""


async def read_body(request: web.Request, body: Body[S]) -> S:
    """The body as the operation wants it.

    Raises:
        Refusal: INVALID, TOO_LARGE.
        web.HTTPException: 408, 415.
    """
    if not request.can_read_body and body.is_optional:
        return body.decode(b"")
    _check_media_type(request, body.media_types)
    return body.decode(await read_content(request, body.max_bytes))


async def read_content(request: web.Request, max_bytes: int) -> bytes:
    """A body of any type.

    Raises:
        Refusal: INVALID, TOO_LARGE.
        web.HTTPException: 408.
    """
    if (request.content_length or 0) > max_bytes:
        raise _too_large(max_bytes)
    try:
        async with asyncio.timeout(BODY_DEADLINE_S):
            return await _read_bounded(request, max_bytes)
    except TimeoutError as exc:
        raise web.HTTPRequestTimeout from exc


def decode_query(request: web.Request, model: type[S]) -> S:
    """The query's parameters as a Struct; each at most once.

    Raises:
        Refusal: INVALID `invalid_field`.
    """
    query = request.query
    if len(query) != len(set(query)):
        raise Refusal(Kind.INVALID, "invalid_field", "a parameter is given twice")
    try:
        return msgspec.convert(dict(query), model, strict=False)
    except msgspec.ValidationError as exc:
        raise invalid_field(exc, model) from exc


def invalid_field(exc: msgspec.ValidationError, model: type[object]) -> Refusal:
    """What msgspec found, without the value that it may quote."""
    text = str(exc)
    place = _PLACE.search(text)
    member = _NAMED_MEMBER.match(text)
    path = ".".join(part for part in (place and place[1], member and member[1]) if part)
    return Refusal(Kind.INVALID, "invalid_field", _allowed_values(text, model, path) or _without_values(text), path)


def _allowed_values(text: str, model: type[object], member: str) -> str:
    """What a member of a closed set may be; "" where it was something else, or deeper down."""
    if not text.startswith("Invalid enum value") or not issubclass(model, msgspec.Struct):
        return ""
    types = [field.type for field in msgspec.structs.fields(model) if field.encode_name == member]
    values = [value for kind in types for value in _values_of(msgspec.inspect.type_info(kind)) if value != ""]
    return f"must be one of {', '.join(map(str, values))}" if values else ""


def _values_of(kind: msgspec.inspect.Type) -> Sequence[object]:
    if isinstance(kind, msgspec.inspect.LiteralType):
        return kind.values
    if isinstance(kind, msgspec.inspect.EnumType):
        return [member.value for member in kind.cls]
    if isinstance(kind, msgspec.inspect.UnionType):
        return [value for each in kind.types for value in _values_of(each)]
    return ()


def _without_values(text: str) -> str:
    said = _PLACE.sub("", text)
    if said.startswith("Invalid enum value"):
        return "is none of the values that are allowed"
    if said.startswith("Expected `str` matching regex"):
        return "has characters that are not allowed, or too many or too few of them"
    return said if "field `" not in said or _NAMED_MEMBER.match(said) else "has a member that is not known"


def _check_media_type(request: web.Request, media_types: tuple[str, ...]) -> None:
    if request.content_type not in media_types or (request.charset or "utf-8").lower() not in {"utf-8", "utf8"}:
        raise web.HTTPUnsupportedMediaType(headers=_accepted(request, media_types))


def _accepted(request: web.Request, media_types: tuple[str, ...]) -> Mapping[str, str]:
    name = "Accept-Patch" if request.method == "PATCH" else "Accept-Post"
    return {name: ", ".join(media_types)} if request.method in {"PATCH", "POST"} else {}


async def _read_bounded(request: web.Request, max_bytes: int) -> bytes:
    """Counts what comes out of a compressed body too."""
    content = bytearray()
    try:
        async for chunk in request.content.iter_any():
            content += chunk
            if len(content) > max_bytes:
                raise _too_large(max_bytes)
    except web.RequestPayloadError as exc:
        # Or aiohttp would go on reading it when the answer is out, and log the same error as a fault of ours.
        request.content.feed_eof()
        raise BodyUnreadable from exc
    return bytes(content)


def _too_large(max_bytes: int) -> Refusal:
    return Refusal(Kind.TOO_LARGE, "too_large", f"the body may have {max_bytes} bytes")
