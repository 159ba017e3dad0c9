"""Conditional requests on documents (RFC 9110 section 13): entity tags are versions in quotes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sessions.refusal import Kind, Refusal

if TYPE_CHECKING:
    from aiohttp import web

_TAG: Final = re.compile(r'"(0|[1-9][0-9]{0,15})"')
_ANY_TAG: Final = re.compile(r'(?:W/)?"([^"]*)"')


def etag(version: int) -> str:
    return f'"{version}"'


def base_version_of(request: web.Request) -> int | None:
    """The version that a write asks for in its headers: `If-Match: "7"`, or `If-None-Match: *` for 0, which is none.

    Raises:
        Refusal: INVALID: it asks for something that a document's version cannot answer. A condition is never ignored.
    """
    match = _only(request, "If-Match")
    none_match = _only(request, "If-None-Match")
    if match is not None and none_match is not None:
        raise _invalid("If-Match", "excludes If-None-Match")
    if none_match is not None:
        if none_match != "*":
            raise _invalid("If-None-Match", "can only be * when writing")
        return 0
    if match is None:
        return None
    tag = _TAG.fullmatch(match)
    if tag is None:
        raise _invalid("If-Match", 'must be one version in quotes, such as "7"')
    return int(tag[1])


def is_unchanged(request: web.Request, version: int) -> bool:
    """Whether a reader has this version already: `If-None-Match`, compared weakly as the standard says."""
    header = ",".join(request.headers.getall("If-None-Match", []))
    return header.strip() == "*" or str(version) in _ANY_TAG.findall(header)


def _only(request: web.Request, name: str) -> str | None:
    values = request.headers.getall(name, [])
    if len(values) > 1:
        raise _invalid(name, "is given twice")
    return values[0].strip() if values else None


def _invalid(header: str, detail: str) -> Refusal:
    return Refusal(Kind.INVALID, "invalid_field", detail, header)
