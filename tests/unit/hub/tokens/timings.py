"""What verifying a token costs, beside PyJWT: `python -m tests.unit.hub.tokens.timings` prints the ratios.

Not collected by pytest; asserts nothing. The figures in comments of `hub.tokens` come from here.
"""

from __future__ import annotations

import asyncio
import gc
import time
import warnings
from collections.abc import Awaitable, Callable
from math import inf
from typing import Any

import jwt

from hub.clock import SystemClock
from hub.config import TokenConfig
from hub.tokens.verifier import TokenVerifier
from tests.unit.hub.tokens.issuer import Issuer, ecdsa_issuer, eddsa_issuer, hmac_issuer, rsa_issuer

ROUNDS = 40
CALLS = 300


async def microseconds(*calls: Callable[[], Awaitable[object]]) -> list[float]:
    """Of each call, in its fastest round. The calls take turns, so that a busy machine is unfair to none of them."""
    fastest = [inf] * len(calls)
    for _ in range(ROUNDS):
        for number, call in enumerate(calls):
            fastest[number] = min(fastest[number], await _round(call))
    return [seconds / CALLS * 1e6 for seconds in fastest]


async def _round(call: Callable[[], Awaitable[object]]) -> float:
    started = time.perf_counter()
    for _ in range(CALLS):
        await call()
    return time.perf_counter() - started


async def compare(name: str, issuer: Issuer, config: TokenConfig, verifying_key: Any) -> None:
    claims: dict[str, object] = {"info": {"name": "Alice"}, "channels": ["news", "personal"]}
    token = issuer.sign(issuer.valid_claims() | claims)

    async def by_pyjwt() -> object:
        return jwt.decode(token, verifying_key, algorithms=[issuer.alg])

    uncached = TokenVerifier(_with_cache(config, 0), SystemClock())
    cached = TokenVerifier(_with_cache(config, 10), SystemClock())
    await cached.verify_connect(token)
    theirs, ours, again = await microseconds(
        by_pyjwt, lambda: uncached.verify_connect(token), lambda: cached.verify_connect(token)
    )
    print(
        f"{name}, {len(token)} bytes: PyJWT {theirs:.1f} µs, ours {ours:.1f} µs ({ours / theirs:.2f}), "
        f"again {again:.2f} µs ({again / theirs:.3f})"
    )


def _with_cache(config: TokenConfig, size: int) -> TokenConfig:
    return TokenConfig(
        hmac_secrets=config.hmac_secrets,
        rsa_public_key=config.rsa_public_key,
        ecdsa_public_key=config.ecdsa_public_key,
        eddsa_public_key=config.eddsa_public_key,
        cache_size=size,
    )


async def main() -> None:
    warnings.simplefilter("ignore", jwt.InsecureKeyLengthWarning)
    gc.disable()
    clock = SystemClock()
    secret = "0123456789abcdef0123456789abcdef"
    for issuer, option in (
        (rsa_issuer(clock), "rsa_public_key"),
        (ecdsa_issuer(clock), "ecdsa_public_key"),
        (eddsa_issuer(clock), "eddsa_public_key"),
    ):
        config = TokenConfig(**{option: issuer.public_pem})  # type: ignore[arg-type]  # the option is chosen at run time
        await compare(issuer.alg, issuer, config, issuer.key.public_key())
    await compare("HS256", hmac_issuer(clock, secret), TokenConfig(hmac_secrets=((secret, 0),)), secret)


if __name__ == "__main__":
    asyncio.run(main())
