"""`syncline dead-letters list|replay|remove`: messages that a consumer could not publish."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.configuration import AllowUnknownOption, ConfigOption, DataDirOption, DevOption, config_choice, load
from cli.console import fail, telling_problems, warn
from cli.selection import selected, time_text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path
    from typing import TypeVar

    from hub.relay.consumer_config import ConsumerConfig
    from hub.relay.dead_letters import DeadLetter, DeadLetters

    T = TypeVar("T")

dead_letters = typer.Typer(help="Messages that a consumer could not publish.", no_args_is_help=True)

ConsumerOption = Annotated[str, typer.Option("--consumer", help="Name of the consumer, as in `consumers[].name`.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, help="The oldest so many.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a line, with headers and body.")]
IdOption = Annotated[list[str] | None, typer.Option("--id", help="This letter; may be given several times.")]
AllOption = Annotated[bool, typer.Option("--all", help="Every letter that is there when the command begins.")]


@dead_letters.command("list")
def list_letters(
    *,
    consumer: ConsumerOption,
    limit: LimitOption = 100,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    dev: DevOption = False,
    data_dir: DataDirOption = None,
    allow_unknown: AllowUnknownOption = False,
) -> None:
    """List them, the oldest first: id, since when, reason, where it was published, and what is wrong."""
    chosen = _consumer(consumer, config, dev, data_dir, allow_unknown)
    for letter in _run(chosen, lambda letters: letters.list(limit)):
        typer.echo(_as_json(letter) if as_json else _as_line(letter))


@dead_letters.command()
def replay(
    *,
    consumer: ConsumerOption,
    ids: IdOption = None,
    everything: AllOption = False,
    config: ConfigOption = None,
    dev: DevOption = False,
    data_dir: DataDirOption = None,
    allow_unknown: AllowUnknownOption = False,
) -> None:
    """Give letters back to the consumer, as they were published. Those that fail again come back."""
    which = selected(ids, everything=everything, what="letters")
    chosen = _consumer(consumer, config, dev, data_dir, allow_unknown)
    typer.echo(f"{_run(chosen, lambda letters: letters.replay(which))} replayed")


@dead_letters.command()
def remove(
    *,
    consumer: ConsumerOption,
    ids: IdOption = None,
    everything: AllOption = False,
    config: ConfigOption = None,
    dev: DevOption = False,
    data_dir: DataDirOption = None,
    allow_unknown: AllowUnknownOption = False,
) -> None:
    """Forget letters for good."""
    which = selected(ids, everything=everything, what="letters")
    chosen = _consumer(consumer, config, dev, data_dir, allow_unknown)
    typer.echo(f"{_run(chosen, lambda letters: letters.remove(which))} removed")


def _consumer(
    name: str, config_file: Path | None, is_dev: bool, data_dir: Path | None, allow_unknown: bool
) -> ConsumerConfig:
    """A consumer of the configuration, enabled or not."""
    from settings.consumer_views import consumer_config

    choice = config_choice(config_file, is_dev, data_dir, allow_unknown)
    with telling_problems():
        loaded = load(choice, is_for_serving=False)
    warn(loaded.warnings)
    consumers = {consumer.name: consumer for consumer in loaded.settings.consumers}
    if name not in consumers:
        fail(f"there is no consumer {name!r}; known: {', '.join(consumers) or 'none'}")
    return consumer_config(consumers[name])


def _run(consumer: ConsumerConfig, work: Callable[[DeadLetters], Awaitable[T]]) -> T:
    """Do it, or say why not."""
    import asyncio

    from composition.dead_letters import NoDeadLetters, open_dead_letters
    from hub.clock import SystemClock
    from hub.relay.dead_letters import DeadLettersUnavailable

    async def opened() -> T:
        async with open_dead_letters(consumer, SystemClock()) as letters:
            return await work(letters)

    try:
        return asyncio.run(opened())
    except (NoDeadLetters, DeadLettersUnavailable) as exc:
        fail(str(exc))
    except ModuleNotFoundError as exc:
        fail(f"{exc.name} is not installed: install the carrier's extra, syncline[rabbitmq] or syncline[redis]")


def _as_line(letter: DeadLetter) -> str:
    since = time_text(letter.dead_since_ms) if letter.dead_since_ms else "-"
    parts = (letter.id, since, letter.reason, letter.subject or "-", letter.detail)
    return "  ".join(part for part in parts if part)


def _as_json(letter: DeadLetter) -> str:
    """The body as text; bytes that are none come as replacement characters."""
    import json

    from msgspec.structs import asdict

    return json.dumps({**asdict(letter), "body": letter.body.decode(errors="replace")}, ensure_ascii=False)
