"""`syncline accounts create-admin`: the first administrator, whom nobody could make over HTTP."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from cli.configuration import AllowUnknownOption, ConfigOption, DataDirOption, DevOption
from cli.console import fail
from cli.platform_choice import using_platform

if TYPE_CHECKING:
    from composition.config import PlatformConfig

accounts = typer.Typer(help="Accounts, for who runs the server.", no_args_is_help=True)

EmailOption = Annotated[str, typer.Option("--email", help="The new administrator's e-mail address.")]
NameOption = Annotated[str, typer.Option("--name", help="The name that others see.")]


@accounts.callback()
def group() -> None:
    """Keeps `create-admin` a command of its own name: a group of one command would swallow it."""


@accounts.command("create-admin")
def create_admin(
    *,
    email: EmailOption,
    name: NameOption = "",
    config: ConfigOption = None,
    dev: DevOption = False,
    data_dir: DataDirOption = None,
    allow_unknown: AllowUnknownOption = False,
) -> None:
    """Make an account with the role ADMIN. The password is asked for, or is the first line of standard input.

    Never a flag: command lines are visible to everybody on the machine, and kept in histories.
    """
    import asyncio

    from sessions.refusal import Refusal

    with using_platform(config, dev, data_dir, allow_unknown) as platform:
        password = _password()
        try:
            user_id = asyncio.run(_create(platform, email, password, name))
        except Refusal as refusal:
            fail(f"{refusal.field or refusal.code}: {refusal.detail or refusal.code}")
        typer.echo(f"{user_id}  {email}  ADMIN")


async def _create(platform: PlatformConfig, email: str, password: str, name: str) -> str:
    from composition.platform import open_prepared_storage
    from hub.clock import SystemClock
    from services.accounts.service import open_registration
    from services.accounts.user import Role
    from sessions.audit import Audit

    clock = SystemClock()
    async with (
        open_prepared_storage(platform) as storage,
        open_registration(platform.accounts, storage.auth, Audit(storage.auth, clock), clock) as registration,
    ):
        return (await registration.create(email, password, name, Role.ADMIN)).id


def _password() -> str:
    if sys.stdin.isatty():
        password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        return password
    return sys.stdin.readline().removesuffix("\n").removesuffix("\r")
