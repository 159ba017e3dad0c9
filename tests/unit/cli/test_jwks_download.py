"""`checktoken` with published keys: the document is fetched under the server's conditions."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from cli.jwks_download import download_jwks
from hub.tokens.jwks import FetchFailed
from hub.tokens.key_set import MAX_DOCUMENT_BYTES
from tests.unit.cli.conftest import Run

PRIVATE_KEY = ed25519.Ed25519PrivateKey.generate()
JWK = {**jwt.algorithms.OKPAlgorithm.to_jwk(PRIVATE_KEY.public_key(), as_dict=True), "kid": "k1"}
BODIES = {"/jwks": json.dumps({"keys": [JWK]}).encode(), "/huge": b" " * (MAX_DOCUMENT_BYTES + 1)}


class _Provider(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = BODIES.get(self.path)
        self.send_response(200 if body is not None else 302)
        self.send_header("Location", "/jwks")
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: object) -> None:
        """Quiet: the test's output is the command's."""


@pytest.fixture
def provider() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Provider) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_checktoken_fetches_the_keys(run: Run, provider: str) -> None:
    env = {"SYNCLINE_CLIENT__TOKEN__JWKS_PUBLIC_ENDPOINT": f"{provider}/jwks"}
    token = jwt.encode({"sub": "42"}, PRIVATE_KEY, algorithm="EdDSA", headers={"kid": "k1"})
    result = run("checktoken", token, env=env)
    assert (result.exit_code, result.stderr) == (0, "")
    assert '"user": "42"' in result.stdout


def test_checktoken_cannot_tell_without_them(run: Run) -> None:
    env = {"SYNCLINE_CLIENT__TOKEN__JWKS_PUBLIC_ENDPOINT": "http://127.0.0.1:1/jwks"}
    token = jwt.encode({"sub": "42"}, PRIVATE_KEY, algorithm="EdDSA", headers={"kid": "k1"})
    result = run("checktoken", token, env=env)
    assert result.exit_code == 1
    assert "connection token can be neither accepted nor refused" in result.stderr


@pytest.mark.parametrize("path", ["/huge", "/moved"])
def test_refuses_what_the_server_would(provider: str, path: str) -> None:
    with pytest.raises(FetchFailed):
        asyncio.run(download_jwks(provider + path))


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "nonsense", "http://127.0.0.1:1/"])
def test_fails_with_nothing_but_fetch_failed(url: str) -> None:
    with pytest.raises(FetchFailed):
        asyncio.run(download_jwks(url))
