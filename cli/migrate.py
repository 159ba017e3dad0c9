"""`syncline migrate up|down|status`: the schema of the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.configuration import AllowUnknownOption, ConfigOption, DataDirOption, DevOption
from cli.storage_choice import telling_storage_failures, use_storage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from storage.migration_tree import Migration

migrate = typer.Typer(help="Bring the database's schema to what this program needs.", no_args_is_help=True)

TargetArgument = Annotated[
    str, typer.Argument(metavar="REVISION", help='The revision to keep, 0001; "base" keeps nothing.')
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask: the data in what is undone is lost.")]


@migrate.command()
def up(
    config: ConfigOption = None,
    dev: DevOption = False,
    data_dir: DataDirOption = None,
    allow_unknown: AllowUnknownOption = False,
) -> None:
    """Apply what is pending: all of it, or nothing when it fails. Nodes of the version before can go on running."""
    import asyncio

    from storage.migration import migrate_up

    storage, _ = use_storage(config, dev, data_dir, allow_unknown)
    with telling_storage_failures():
        _tell("applied", asyncio.run(migrate_up(storage)))


@migrate.command()
def down(
    target: TargetArgument,
    *,
    yes: YesOption = False,
    config: ConfigOption = None,
    dev: DevOption = False,
    data_dir: DataDirOption = None,
    allow_unknown: AllowUnknownOption = False,
) -> None:
    """Undo every migration above REVISION. What is in the tables and columns that go is lost: make a backup before."""
    import asyncio

    from storage.data_directory import open_data_directory
    from storage.migration import migrate_down
    from storage.opening import is_embedded

    storage, directory = use_storage(config, dev, data_dir, allow_unknown)
    if not yes:
        typer.confirm(f"Undo everything above {target}, and lose what is in it?", abort=True)

    async def undo() -> tuple[Migration, ...]:
        if not is_embedded(storage):
            return await migrate_down(storage, target)
        async with open_data_directory(directory, wait_s=0):  # no server runs on it
            return await migrate_down(storage, target)

    with telling_storage_failures():
        _tell("undone", asyncio.run(undo()))


@migrate.command()
def status(
    config: ConfigOption = None,
    dev: DevOption = False,
    data_dir: DataDirOption = None,
    allow_unknown: AllowUnknownOption = False,
) -> None:
    """Say what is applied and what is pending. Exit code 1: this program does not run on it as it is."""
    import asyncio

    from storage.opening import status_of

    storage, _ = use_storage(config, dev, data_dir, allow_unknown)
    with telling_storage_failures():
        schema = asyncio.run(status_of(storage))
    for word, migrations in (("applied", schema.applied), ("pending", schema.pending), ("changed", schema.changed)):
        for migration in migrations:
            typer.echo(f"{word}  {migration.label}")
    for revision in schema.unknown:
        typer.echo(f"unknown  {revision} of a newer program")
    if not schema.is_current:
        raise typer.Exit(1)


def _tell(word: str, migrations: Iterable[Migration]) -> None:
    lines = [f"{word}  {migration.label}" for migration in migrations]
    typer.echo("\n".join(lines) or "nothing to do")
