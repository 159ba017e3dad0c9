"""Connection tokens of every kind of key, made by PyJWT as a backend or an identity provider makes them."""

from __future__ import annotations

import json
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp
import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from api.jwks_fetch import JwksFetch
from hub.config import TokenConfig
from tests.support.local_server import HOST, LocalServer, hub_config
from tests.support.ports import free_port
from tests.support.raw_client import Close
from tests.support.tokens import OTHER_SECRET, SECRET, connection_token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.conftest import Serve

INVALID_TOKEN = Close(3500, "invalid token")


class Kind(NamedTuple):
    """A kind of key: where it is configured, and what makes and shows one."""

    option: str
    algorithms: tuple[str, ...]
    private: Any
    to_jwk: Any

    @property
    def pem(self) -> str:
        public = self.private.public_key()
        encoded: bytes = public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return encoded.decode()

    def jwk(self, kid: str) -> dict[str, Any]:
        described: dict[str, Any] = json.loads(self.to_jwk(self.private.public_key()))
        return {**described, "kid": kid, "alg": self.algorithms[0], "use": "sig"}

    def sign(self, algorithm: str, kid: str | None = None, **claims: Any) -> str:
        headers = {"kid": kid} if kid else None
        claims = {"sub": "42", "exp": time.time() + 100, **claims}
        return jwt.encode(claims, self.private, algorithm=algorithm, headers=headers)


RSA = Kind(
    "rsa_public_key",
    ("RS256", "RS384", "RS512"),
    rsa.generate_private_key(public_exponent=65537, key_size=2048),
    RSAAlgorithm.to_jwk,
)
EC = Kind("ecdsa_public_key", ("ES256",), ec.generate_private_key(ec.SECP256R1()), ECAlgorithm.to_jwk)
EC384 = Kind("ecdsa_public_key", ("ES384",), ec.generate_private_key(ec.SECP384R1()), ECAlgorithm.to_jwk)
ED = Kind("eddsa_public_key", ("EdDSA",), ed25519.Ed25519PrivateKey.generate(), OKPAlgorithm.to_jwk)
KINDS = (RSA, EC, EC384, ED)
EACH_ALGORITHM = [pytest.param(kind, algorithm, id=algorithm) for kind in KINDS for algorithm in kind.algorithms]


async def assert_refused(server: LocalServer, token: str) -> None:
    client = await server.client()
    await client.cast("connect", token=token)
    assert await client.closing() == INVALID_TOKEN


@pytest.mark.parametrize(("kind", "algorithm"), EACH_ALGORITHM)
async def test_public_key_in_the_configuration(serve: Serve, kind: Kind, algorithm: str) -> None:
    config: dict[str, Any] = {kind.option: kind.pem}
    server = await serve(hub_config(token=TokenConfig(**config)))
    await server.connected(token=kind.sign(algorithm))
    assert server.hub.registry.of_user("42")
    await assert_refused(server, connection_token("42"))
    await assert_refused(server, jwt.encode({"sub": "42"}, "x" * 64, algorithm="HS512"))


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
async def test_shared_secret(serve: Serve, algorithm: str) -> None:
    secret = SECRET.ljust(64, "x")
    server = await serve(hub_config(token=TokenConfig(hmac_secrets=((secret, 0),))))
    await server.connected(token=jwt.encode({"sub": "42"}, secret, algorithm=algorithm))
    await assert_refused(server, jwt.encode({"sub": "42"}, secret[::-1], algorithm=algorithm))


async def test_several_keys_are_active_at_once(serve: Serve) -> None:
    secrets = ((SECRET, 0), (OTHER_SECRET, time.time() + 3600))
    server = await serve(hub_config(token=TokenConfig(hmac_secrets=secrets, rsa_public_key=RSA.pem)))
    await server.connected(token=connection_token("42"))
    await server.connected(token=connection_token("42", secret=OTHER_SECRET))
    await server.connected(token=RSA.sign("RS256"))


async def test_previous_secret_ends_with_its_time(serve: Serve) -> None:
    secrets = ((SECRET, 0), (OTHER_SECRET, time.time() - 1))
    server = await serve(hub_config(token=TokenConfig(hmac_secrets=secrets)))
    await assert_refused(server, connection_token("42", secret=OTHER_SECRET))


@pytest.mark.parametrize(
    ("claims", "fits"),
    [
        ({"iss": "https://id.example", "aud": "hub"}, True),
        ({"iss": "https://id.example", "aud": ["other", "hub"]}, True),
        ({"iss": "https://evil.example", "aud": "hub"}, False),
        ({"iss": "https://id.example", "aud": "other"}, False),
        ({"aud": "hub"}, False),
        ({"iss": "https://id.example"}, False),
    ],
)
async def test_issuer_and_audience(serve: Serve, claims: dict[str, Any], fits: bool) -> None:
    config = TokenConfig(hmac_secrets=((SECRET, 0),), issuer="https://id.example", audience="hub")
    server = await serve(hub_config(token=config))
    token = connection_token("42", **claims)
    if fits:
        await server.connected(token=token)
    else:
        await assert_refused(server, token)


async def test_user_may_be_in_another_claim(serve: Serve) -> None:
    server = await serve(hub_config(token=TokenConfig(hmac_secrets=((SECRET, 0),), user_id_claim="uid")))
    await server.connected(token=connection_token("ignored", uid="42"))
    assert server.hub.registry.of_user("42")
    assert not server.hub.registry.of_user("ignored")


# --- JWKS -------------------------------------------------------------------------------------------------------------


class Provider:
    """An identity provider that publishes its keys."""

    def __init__(self, port: int) -> None:
        self.url = f"http://{HOST}:{port}/jwks.json"
        self.keys: list[dict[str, Any]] = []
        self.status = 200
        self.num_requests = 0

    async def handle(self, request: web.Request) -> web.Response:
        self.num_requests += 1
        return web.json_response({"keys": self.keys}, status=self.status)


@asynccontextmanager
async def running_provider() -> AsyncIterator[Provider]:
    port = free_port()
    provider = Provider(port)
    app = web.Application()
    app.router.add_get("/jwks.json", provider.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, port).start()
        yield provider
    finally:
        await runner.cleanup()


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with running_provider() as running:
        yield running


@pytest.fixture
async def fetch() -> AsyncIterator[JwksFetch]:
    # Without keep-alive, or the provider's end of it would be a task left behind when the server under test ends.
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        yield JwksFetch(session)


async def served_with(serve: Serve, provider: Provider, fetch: JwksFetch) -> LocalServer:
    return await serve(hub_config(token=TokenConfig(jwks_public_endpoint=provider.url)), None, fetch)


@pytest.mark.parametrize(
    ("kind", "algorithm"), [param for param in EACH_ALGORITHM if param.id not in {"RS384", "RS512"}]
)
async def test_published_key(provider: Provider, fetch: JwksFetch, serve: Serve, kind: Kind, algorithm: str) -> None:
    provider.keys = [other.jwk(f"key-{n}") for n, other in enumerate(KINDS)]
    server = await served_with(serve, provider, fetch)
    await server.connected(token=kind.sign(algorithm, f"key-{KINDS.index(kind)}"))
    await assert_refused(server, kind.sign(algorithm, f"key-{(KINDS.index(kind) + 1) % len(KINDS)}"))


async def test_published_keys_are_fetched_once_for_many_connections(
    provider: Provider, fetch: JwksFetch, serve: Serve
) -> None:
    provider.keys = [ED.jwk("a")]
    server = await served_with(serve, provider, fetch)
    for n in range(10):
        await server.connected(token=ED.sign("EdDSA", "a", sub=str(n)))
    assert provider.num_requests == 1


async def test_provider_that_cannot_be_had_is_temporary_and_not_the_tokens_fault(
    provider: Provider, fetch: JwksFetch, serve: Serve
) -> None:
    provider.status = 503
    server = await served_with(serve, provider, fetch)
    client = await server.client()
    error = await client.refusal("connect", token=ED.sign("EdDSA", "a"))
    assert error == {"code": 100, "message": "internal server error", "temporary": True}
