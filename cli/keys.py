"""`syncline keys list|rotate`: the keys that sign access tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.configuration import AllowUnknownOption, ConfigOption, DataDirOption, DevOption
from cli.platform_choice import using_platform

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from composition.config import PlatformConfig
    from sessions.key_pair import KeyPair
    from sessions.signing_keys import SigningKeys

keys = typer.Typer(help="The keys that access tokens are signed with.", no_args_is_help=True)

AtOnceOption = Annotated[
    bool,
    typer.Option("--at-once", help="The old keys are in wrong hands: what they have signed is refused from now on."),
]


@keys.command("list")
def list_keys(
    config: ConfigOption = None,
    dev: DevOption = False,
    data_dir: DataDirOption = None,
    allow_unknown: AllowUnknownOption = False,
) -> None:
    """List the keys, and what each is good for now."""
    import asyncio

    from hub.clock import SystemClock

    async def read(platform: PlatformConfig) -> tuple[tuple[KeyPair, ...], KeyPair]:
        async with _open_keys(platform) as signing:
            return signing.list(), signing.signer()

    with using_platform(config, dev, data_dir, allow_unknown) as platform:
        pairs, signer = asyncio.run(read(platform))
        now_ms = int(SystemClock().now_s() * 1000)
        for pair in pairs:
            typer.echo(f"{pair.kid}  {pair.algorithm}  {_use(pair, signer, now_ms)}")


@keys.command()
def rotate(
    *,
    at_once: AtOnceOption = False,
    config: ConfigOption = None,
    dev: DevOption = False,
    data_dir: DataDirOption = None,
    allow_unknown: AllowUnknownOption = False,
) -> None:
    """Add a key, which takes over once everybody has had the time to hear of it. Servers may go on running.

    The old keys verify until the last token that they have signed has expired.
    """
    import asyncio

    async def add(platform: PlatformConfig) -> str:
        async with _open_keys(platform) as signing:
            return await signing.rotate(at_once=at_once)

    with using_platform(config, dev, data_dir, allow_unknown) as platform:
        kid = asyncio.run(add(platform))
        wait_s = 0 if at_once else platform.sessions.tokens.key_propagation_s
        typer.echo(f"{kid} signs " + (f"in {wait_s:.0f} s" if wait_s else "now"))


def _open_keys(platform: PlatformConfig) -> AbstractAsyncContextManager[SigningKeys]:
    from contextlib import asynccontextmanager

    from composition.platform import open_prepared_storage
    from hub.clock import SystemClock
    from sessions.signing_keys import SigningKeys

    @asynccontextmanager
    async def opened() -> AsyncIterator[SigningKeys]:
        async with open_prepared_storage(platform) as storage:
            signing = SigningKeys(storage.auth, platform.sessions, SystemClock())
            await signing.load()
            yield signing

    return opened()


def _use(pair: KeyPair, signer: KeyPair, now_ms: int) -> str:
    if pair.kid == signer.kid:
        return "signs"
    if not pair.is_trusted(now_ms):
        return "has ended"
    if pair.signs_from_ms > now_ms:
        return f"signs in {(pair.signs_from_ms - now_ms) // 1000} s"
    if pair.verifies_until_ms is None:
        return "verifies"
    return f"verifies for {(pair.verifies_until_ms - now_ms) // 1000} s"
