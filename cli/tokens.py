"""`syncline gentoken` and `gensubtoken`: tokens to try things with, signed as an application's backend would."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

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
    from settings.client_model import TokenSettings
    from settings.model import Settings

UserOption = Annotated[str, typer.Option("--user", "-u", help='Id of the user; "" for an anonymous one.')]
TtlOption = Annotated[str, typer.Option("--ttl", "-t", help='How long it is valid, "90s", "1h"; "0s" for ever.')]
ChannelOption = Annotated[str, typer.Option("--channel", help="The channel it is for.")]
ChannelsOption = Annotated[
    list[str] | None, typer.Option("--channel", help="Subscribe the connection to this channel; may be repeated.")
]
InfoOption = Annotated[
    str | None, typer.Option("--info", help="JSON that others see beside the user in presence.", show_default=False)
]


def gentoken(  # noqa: PLR0913 - the parameters of a command are its flags
    *,
    user: UserOption,
    ttl: TtlOption = "1h",
    channel: ChannelsOption = None,
    info: InfoOption = None,
    config: ConfigOption = None,
    dev: DevOption = False,
    data_dir: DataDirOption = None,
    allow_unknown: AllowUnknownOption = False,
) -> None:
    """Print a connection token."""
    from hub.clock import SystemClock
    from hub.tokens.signing import sign_connect

    ttl_s, claims = _parsed_ttl(ttl), _info_claim(info)
    if channel:
        claims["channels"] = channel
    with telling_problems():
        settings = load(token_command_choice(config, dev, data_dir, allow_unknown), is_for_serving=False).settings
    token = settings.client.token
    secret = _signing_secret(token, "client.token")
    typer.echo(sign_connect(secret, user, ttl_s, SystemClock(), **_expected_claims(token, user), **claims))


def gensubtoken(  # noqa: PLR0913 - the parameters of a command are its flags
    *,
    user: UserOption,
    channel: ChannelOption,
    ttl: TtlOption = "1h",
    info: InfoOption = None,
    config: ConfigOption = None,
    dev: DevOption = False,
    data_dir: DataDirOption = None,
    allow_unknown: AllowUnknownOption = False,
) -> None:
    """Print a subscription token."""
    from hub.clock import SystemClock
    from hub.tokens.signing import sign_subscribe

    ttl_s, claims = _parsed_ttl(ttl), _info_claim(info)
    with telling_problems():
        settings = load(token_command_choice(config, dev, data_dir, allow_unknown), is_for_serving=False).settings
    key, token = _subscription_token(settings)
    secret = _signing_secret(token, key)
    typer.echo(sign_subscribe(secret, user, channel, ttl_s, SystemClock(), **_expected_claims(token, user), **claims))


def _parsed_ttl(text: str) -> float:
    from settings.duration import parse_duration

    try:
        return parse_duration(text)
    except ValueError as exc:
        raise typer.BadParameter(str(exc), param_hint="--ttl") from exc


def _info_claim(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        return {"info": json.loads(text)}
    except ValueError as exc:
        raise typer.BadParameter(f"must be JSON: {exc}", param_hint="--info") from exc


def _subscription_token(settings: Settings) -> tuple[str, TokenSettings]:
    """The block that subscription tokens are verified with, and its key."""
    if settings.client.subscription_token.enabled:
        return "client.subscription_token", settings.client.subscription_token
    return "client.token", settings.client.token


def _signing_secret(token: TokenSettings, key: str) -> str:
    secret = token.hmac_secret_key.get_secret_value()
    if not secret:
        fail(f"{key}.hmac_secret_key is not set, and other keys can only verify; --dev takes the development secret")
    return secret


def _expected_claims(token: TokenSettings, user: str) -> dict[str, str]:
    """What the verifier with this configuration asks for beyond a signature."""
    claims = {"aud": token.audience, "iss": token.issuer, token.user_id_claim: user}
    return {name: value for name, value in claims.items() if name and value}
