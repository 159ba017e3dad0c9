"""`syncline serve`: flags to ServeOptions; the rest is main's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

import typer

from cli.configuration import (
    DEFAULT_DATA_DIR,
    AllowUnknownOption,
    ConfigOption,
    DataDirOption,
    DevOption,
    ServeOptions,
)
from cli.console import telling_problems

AddressOption = Annotated[
    str | None, typer.Option("--address", "-a", help="Address to listen on (http_server.address).", show_default=False)
]
PortOption = Annotated[
    int | None, typer.Option("--port", "-p", help="Port to listen on (http_server.port).", show_default=False)
]
InternalPortOption = Annotated[
    int | None,
    typer.Option("--internal-port", help="Port of the server API (http_server.internal_port).", show_default=False),
]
LogLevelOption = Annotated[
    str | None, typer.Option("--log-level", help="debug, info, warn or error (log.level).", show_default=False)
]

MigrateOption = Annotated[
    bool, typer.Option("--migrate", help="Bring the database's schema up to date first; SQLite's always is.")
]

WorkersOption = Annotated[
    int, typer.Option("--workers", "-w", min=1, help="Nodes on one port, a process each; needs engine.type redis.")
]

_KEY_OF_FLAG: Final = {
    "address": "http_server.address",
    "port": "http_server.port",
    "internal_port": "http_server.internal_port",
    "log_level": "log.level",
}


def serve_command(serve: Callable[[ServeOptions], int]) -> Callable[..., None]:
    def command(  # noqa: PLR0913 - the parameters of a command are its flags
        *,
        config: ConfigOption = None,
        dev: DevOption = False,
        data_dir: DataDirOption = None,
        address: AddressOption = None,
        port: PortOption = None,
        internal_port: InternalPortOption = None,
        log_level: LogLevelOption = None,
        migrate: MigrateOption = False,
        workers: WorkersOption = 1,
        allow_unknown: AllowUnknownOption = False,
    ) -> None:
        """Run a server until SIGTERM or Ctrl-C; then drain and end."""
        flags = {"address": address, "port": port, "internal_port": internal_port, "log_level": log_level}
        options = ServeOptions(
            config_file=config,
            is_dev=dev,
            data_dir=data_dir or DEFAULT_DATA_DIR,
            has_state=data_dir is not None or dev,
            overrides=_overrides(flags),
            allow_unknown=allow_unknown,
            may_migrate=migrate,
            workers=workers,
        )
        with telling_problems():
            if dev:
                _tell_where_secrets_are(options)
            raise typer.Exit(serve(options))

    return command


def _tell_where_secrets_are(options: ServeOptions) -> None:
    """Makes them if need be: the line is true when it is read."""
    from settings.dev_secrets import load_dev_secrets

    typer.echo(f"Development profile; its secrets are in {load_dev_secrets(options.data_dir).path}", err=True)


def _overrides(flags: dict[str, Any]) -> dict[str, object]:
    return {_KEY_OF_FLAG[name]: value for name, value in flags.items() if value is not None}
