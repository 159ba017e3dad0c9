"""`syncline outbox status|list|retry|drop`: events that wait, and those that were refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.configuration import AllowUnknownOption, ConfigOption, DataDirOption, DevOption
from cli.selection import selected, time_text
from cli.storage_choice import telling_storage_failures, use_storage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeVar

    from hub.relay.outbox_parked import Parked
    from storage.config import StorageConfig
    from storage.database import Database

    T = TypeVar("T")

outbox = typer.Typer(help="Events that were committed and have not left yet.", no_args_is_help=True)

LimitOption = Annotated[int, typer.Option("--limit", min=1, help="The oldest so many.")]
IdOption = Annotated[list[str] | None, typer.Option("--id", help="This event; may be given several times.")]
AllOption = Annotated[bool, typer.Option("--all", help="Every event that was refused.")]


@outbox.command()
def status(
    config: ConfigOption = None,
    dev: DevOption = False,
    data_dir: DataDirOption = None,
    allow_unknown: AllowUnknownOption = False,
) -> None:
    """How many events there are for each destination, refused ones too. It counts them all."""
    from hub.relay.outbox_table import count

    storage, _ = use_storage(config, dev, data_dir, allow_unknown)
    for destination, number in sorted(_run(storage, count).items()):
        typer.echo(f"{destination or 'hub'}  {number}")


@outbox.command("list")
def list_refused(
    *,
    limit: LimitOption = 100,
    config: ConfigOption = None,
    dev: DevOption = False,
    data_dir: DataDirOption = None,
    allow_unknown: AllowUnknownOption = False,
) -> None:
    """Events that were refused, the oldest first: id, since when, destination, channel, data."""
    from hub.relay.outbox_parked import parked

    storage, _ = use_storage(config, dev, data_dir, allow_unknown)
    for event in _run(storage, lambda database: parked(database, limit)):
        typer.echo(_as_line(event))


@outbox.command()
def retry(
    *,
    ids: IdOption = None,
    everything: AllOption = False,
    config: ConfigOption = None,
    dev: DevOption = False,
    data_dir: DataDirOption = None,
    allow_unknown: AllowUnknownOption = False,
) -> None:
    """Have refused events tried once more, by the nodes that run or the next one that starts."""
    from hub.relay.outbox_parked import retry as have_retried

    which = selected(ids, everything=everything, what="events")
    storage, _ = use_storage(config, dev, data_dir, allow_unknown)
    typer.echo(f"{_run(storage, lambda database: have_retried(database, which))} to be tried again")


@outbox.command()
def drop(
    *,
    ids: IdOption = None,
    everything: AllOption = False,
    config: ConfigOption = None,
    dev: DevOption = False,
    data_dir: DataDirOption = None,
    allow_unknown: AllowUnknownOption = False,
) -> None:
    """Forget refused events for good."""
    from hub.relay.outbox_parked import drop as have_dropped

    which = selected(ids, everything=everything, what="events")
    storage, _ = use_storage(config, dev, data_dir, allow_unknown)
    typer.echo(f"{_run(storage, lambda database: have_dropped(database, which))} dropped")


def _run(config: StorageConfig, work: Callable[[Database], Awaitable[T]]) -> T:
    """Do it, or say why not. A server may run on the database meanwhile."""
    import asyncio

    from storage.database import CannotOpen
    from storage.opening import is_embedded, open_storage

    async def opened() -> T:
        if is_embedded(config) and not config.sqlite_path.exists():
            raise CannotOpen(f"there is no database at {config.sqlite_path}")
        async with open_storage(config) as storage:
            return await work(storage.relay)

    with telling_storage_failures():
        return asyncio.run(opened())


def _as_line(event: Parked) -> str:
    return "  ".join((event.id, time_text(event.since_ms), event.destination or "hub", event.channel, event.data))
