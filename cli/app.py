"""The application: every command by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import typer

from cli.accounts import accounts
from cli.backup import backup, restore
from cli.checkconfig import checkconfig
from cli.checktoken import checktoken
from cli.configuration import ServeOptions
from cli.dead_letters import dead_letters
from cli.doctor import doctor
from cli.genconfig import genconfig
from cli.healthcheck import healthcheck
from cli.keys import keys
from cli.migrate import migrate
from cli.outbox import outbox
from cli.serve import serve_command
from cli.tokens import gensubtoken, gentoken
from cli.version import version

COMMANDS: Final[Mapping[str, Callable[..., Any]]] = {
    "genconfig": genconfig,
    "checkconfig": checkconfig,
    "gentoken": gentoken,
    "gensubtoken": gensubtoken,
    "checktoken": checktoken,
    "doctor": doctor,
    "healthcheck": healthcheck,
    "backup": backup,
    "restore": restore,
    "version": version,
}

GROUPS: Final[Mapping[str, typer.Typer]] = {
    "accounts": accounts,
    "dead-letters": dead_letters,
    "keys": keys,
    "migrate": migrate,
    "outbox": outbox,
}


def build_app(serve: Callable[[ServeOptions], int]) -> typer.Typer:
    """The whole command line.

    Args:
        serve: runs a server until it is told to end, and returns the exit code. SettingsError is told to the operator.
    """
    app = typer.Typer(
        help="Realtime session and event hub: Centrifuge clients, Centrifugo's server API.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,  # its tracebacks show local variables, and some of those are secrets
    )
    app.command("serve")(serve_command(serve))
    for name, command in COMMANDS.items():
        app.command(name)(command)
    for name, group in GROUPS.items():
        app.add_typer(group, name=name)
    return app
