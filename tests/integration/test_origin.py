"""Which pages may open a connection: the table of reliability.md, T1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.local_server import HOST, LocalServer, edge_config, hub_config
from tests.support.wire import upgrade_request, wire

if TYPE_CHECKING:
    from tests.integration.conftest import Serve

ALLOWED = ("https://app.example.com", "https://*.tenant.example.com", "http://localhost:*")


async def status_of(server: LocalServer, *origins: str) -> int:
    """The answer to an upgrade with these Origin headers."""
    request = upgrade_request("/connection/websocket")
    lines = b"".join(b"Origin: %s\r\n" % origin.encode() for origin in origins)
    async with wire(HOST, server.port) as socket:
        await socket.send(request.removesuffix(b"\r\n") + lines + b"\r\n")
        return (await socket.response())[0]


@pytest.mark.parametrize(
    ("origins", "status"),
    [
        pytest.param((), 101, id="no origin: not a page"),
        pytest.param(("https://app.example.com",), 101, id="allowed"),
        pytest.param(("HTTPS://App.Example.COM",), 101, id="upper case"),
        pytest.param(("https://evil.example",), 403, id="evil"),
        pytest.param(("null",), 403, id="null"),
        pytest.param(("",), 403, id="empty"),
        pytest.param(("https://sub.app.example.com",), 403, id="subdomain"),
        pytest.param(("https://example.com",), 403, id="parent domain"),
        pytest.param(("https://app.example.com.evil.io",), 403, id="suffix trick"),
        pytest.param(("https://evil-app.example.com",), 403, id="prefix trick"),
        pytest.param(("http://app.example.com",), 403, id="other scheme"),
        pytest.param(("https://app.example.com:8443",), 403, id="other port"),
        pytest.param(("https://app.example.com/",), 403, id="trailing slash"),
        pytest.param(("https://app.example.com@evil.io",), 403, id="user info trick"),
        pytest.param(("https://appxexampleycom",), 403, id="dot is no wildcard"),
        pytest.param(("https://app.example.com", "https://app.example.com"), 403, id="two headers"),
        pytest.param(("https://app.example.com", "https://evil.example"), 403, id="two headers, one of them evil"),
        pytest.param(("https://a.tenant.example.com",), 101, id="pattern"),
        pytest.param(("https://.tenant.example.com",), 101, id="pattern, nothing in its place"),
        pytest.param(("https://tenant.example.com",), 403, id="pattern needs its dot"),
        pytest.param(("https://evil.io/a.tenant.example.com",), 403, id="pattern does not cross a slash"),
        pytest.param(("http://localhost:3000",), 101, id="any port"),
    ],
)
async def test_upgrade_by_origin(serve: Serve, origins: tuple[str, ...], status: int) -> None:
    server = await serve(hub_config(), edge_config(allowed_origins=ALLOWED))
    assert await status_of(server, *origins) == status
    assert server.server.admission.num_refused == (status == 403)


@pytest.mark.parametrize(("origins", "status"), [((), 101), (("http://localhost",), 403), (("null",), 403)])
async def test_by_default_no_page_may(server: LocalServer, origins: tuple[str, ...], status: int) -> None:
    assert await status_of(server, *origins) == status


async def test_lone_star_lets_every_page_in(serve: Serve) -> None:
    server = await serve(hub_config(), edge_config(allowed_origins=("*",)))
    assert await status_of(server, "https://anybody.example") == 101
    assert await status_of(server, "null") == 101
