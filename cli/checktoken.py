"""`syncline checktoken`: what a token grants, or why it is refused; the same verifier as the server's."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cli.configuration import (
    AllowUnknownOption,
    ConfigOption,
    DataDirOption,
    DevOption,
    load,
    token_command_choice,
)
from cli.console import fail, telling_problems

if TYPE_CHECKING:
    from hub.tokens.claims import ConnectClaims, SubscribeClaims
    from settings.model import Settings

STDIN: Final = "-"

TokenArgument = Annotated[str, typer.Argument(help='The token; "-" reads it from stdin, out of sight of `ps`.')]


def checktoken(
    token: TokenArgument,
    config: ConfigOption = None,
    dev: DevOption = False,
    data_dir: DataDirOption = None,
    allow_unknown: AllowUnknownOption = False,
) -> None:
    """Verify a connection or subscription token; print its claims, or the reason why it is refused."""
    import asyncio

    from hub.tokens.claims import KeysUnavailable, TokenExpired, TokenInvalid

    text = sys.stdin.read().strip() if token == STDIN else token
    with telling_problems():
        settings = load(token_command_choice(config, dev, data_dir, allow_unknown), is_for_serving=False).settings
    kind = "subscription" if _names_a_channel(text) else "connection"
    try:
        claims = asyncio.run(_verified(text, kind, settings))
    except TokenExpired as exc:
        fail(f"{kind} token is genuine, but expired: {exc}")
    except TokenInvalid as exc:
        fail(f"{kind} token is invalid: {exc}")
    except KeysUnavailable as exc:
        fail(f"{kind} token can be neither accepted nor refused: {exc}")
    typer.echo(f"valid {kind} token")
    typer.echo(_shown(claims))


def _names_a_channel(token: str) -> bool:
    """Whether the unverified payload has a channel, which makes it a subscription token."""
    import base64
    import json

    payload = token.split(".")[1] if token.count(".") == 2 else ""  # noqa: PLR2004 - header.payload.signature
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        return False
    return isinstance(claims, dict) and "channel" in claims


async def _verified(token: str, kind: str, settings: Settings) -> ConnectClaims | SubscribeClaims:
    from cli.jwks_download import download_jwks
    from hub.clock import SystemClock
    from hub.tokens.verifier import TokenVerifier
    from settings.views import hub_config

    client = hub_config(settings).client
    if kind == "connection":
        return await TokenVerifier(client.token, SystemClock(), download_jwks).verify_connect(token)
    config = client.subscription_token or client.token
    return await TokenVerifier(config, SystemClock(), download_jwks).verify_subscribe(token)


def _shown(claims: ConnectClaims | SubscribeClaims) -> str:
    import msgspec

    return msgspec.json.format(msgspec.json.encode(claims), indent=2).decode()
