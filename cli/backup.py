"""`syncline backup`, `syncline restore`: the whole database in one file, and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.configuration import AllowUnknownOption, ConfigOption, DataDirOption, DevOption
from cli.console import fail
from cli.storage_choice import telling_storage_failures, use_storage

if TYPE_CHECKING:
    from storage.backup import Backup
    from storage.config import StorageConfig

TargetArgument = Annotated[Path, typer.Argument(metavar="FILE", help="Where to write the backup.", show_default=False)]
SourceArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The backup.", show_default=False)]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask: what the database holds now is lost.")]


def backup(
    file: TargetArgument,
    *,
    force: ForceOption = False,
    config: ConfigOption = None,
    dev: DevOption = False,
    data_dir: DataDirOption = None,
    allow_unknown: AllowUnknownOption = False,
) -> None:
    """Write the whole database into FILE while servers run. It holds password hashes and keys: keep it safe."""
    from storage.backup import back_up

    storage, _ = use_storage(config, dev, data_dir, allow_unknown)
    if not file.parent.is_dir():
        fail(f"{file.parent} is no directory: make it first")
    with telling_storage_failures():
        _tell("Wrote", back_up(storage, file, may_replace=force))


def restore(
    file: SourceArgument,
    *,
    yes: YesOption = False,
    config: ConfigOption = None,
    dev: DevOption = False,
    data_dir: DataDirOption = None,
    allow_unknown: AllowUnknownOption = False,
) -> None:
    """Put FILE back in place of what the database holds: all of it or nothing. Stop the servers first."""
    import asyncio

    storage, directory = use_storage(config, dev, data_dir, allow_unknown)
    if not file.is_file():
        fail(f"there is no file {file}")
    if not yes:
        typer.confirm("Replace everything that the database holds now?", abort=True)
    with telling_storage_failures():
        _tell("Restored", asyncio.run(_restore(storage, file, directory)))


async def _restore(storage: StorageConfig, file: Path, directory: Path) -> Backup:
    """With the data directory held. What the last run left in it goes: its positions belong to the other history."""
    import asyncio

    from storage.backup import restore
    from storage.data_directory import open_data_directory

    async with open_data_directory(directory, wait_s=0) as held:
        return await asyncio.to_thread(restore, storage, file, before_change=held.take_handover)


def _tell(word: str, made: Backup) -> None:
    typer.echo(f"{word} {made.file}: {made.num_bytes} bytes, schema {made.revisions[-1]}")
