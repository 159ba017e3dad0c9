"""Requests without a server."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest.mock import Mock

from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiohttp import web


def request(
    headers: Iterable[tuple[str, str]] = (), *, method: str = "GET", path: str = "/", peer: str = "192.0.2.1"
) -> web.Request:
    """A request with these headers, in this order, from this peer."""
    transport = Mock()
    transport.get_extra_info = {"peername": (peer, 1234) if peer else None}.get
    return make_mocked_request(method, path, headers=CIMultiDict(headers), transport=transport)
