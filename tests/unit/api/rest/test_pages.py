"""Which pages are named. `null` is what sandboxed frames and local files of anybody send."""

from __future__ import annotations

import pytest

from api.rest.pages import Pages
from tests.unit.api.rest.requests import request


@pytest.mark.parametrize(
    ("patterns", "headers", "is_named"),
    [
        (("https://app.example.com",), [("Origin", "https://app.example.com")], True),
        (("https://app.example.com",), [("Origin", "HTTPS://APP.EXAMPLE.COM")], True),
        (("https://*.example.com",), [("Origin", "https://a.example.com")], True),
        (("https://*.example.com",), [("Origin", "https://example.com")], False),
        (("*",), [("Origin", "https://any.example")], False),
        (("null",), [("Origin", "null")], False),
        (("null",), [("Origin", "NULL")], False),
        ((), [], False),
        (("https://a",), [("Origin", "https://a"), ("Origin", "https://a")], False),
        ((), [("Host", "hub.example:8000"), ("Origin", "http://hub.example:8000")], True),
        ((), [("Host", "hub.example"), ("Origin", "https://hub.example")], True),
        ((), [("Host", "hub.example"), ("Origin", "https://hub.example:8443")], False),
        ((), [("Host", "hub.example"), ("Origin", "ftp://hub.example")], False),
        ((), [("Host", "hub.example"), ("Origin", "https://evil@hub.example")], False),
        ((), [("Host", ""), ("Origin", "https://")], False),
        ((), [("Host", "["), ("Origin", "https://[")], False),
    ],
)
def test_named(patterns: tuple[str, ...], headers: list[tuple[str, str]], is_named: bool) -> None:
    assert Pages(patterns).is_named(request(headers)) is is_named
