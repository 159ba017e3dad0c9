"""`syncline checkconfig`: everything that is wrong with a configuration, without starting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from cli.configuration import AllowUnknownOption, ConfigOption, DataDirOption, DevOption, config_choice, load
from cli.console import telling_problems, warn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from settings.loading import LoadedSettings


def checkconfig(
    config: ConfigOption = None,
    dev: DevOption = False,
    data_dir: DataDirOption = None,
    allow_unknown: AllowUnknownOption = False,
) -> None:
    """Check a configuration: print every problem, or "ok" and what differs from the defaults."""
    choice = config_choice(config, dev, data_dir, allow_unknown)
    with telling_problems():
        loaded = load(choice)
    warn(loaded.warnings)
    typer.echo("ok")
    for line in _summary(loaded):
        typer.echo(line)


def _summary(loaded: LoadedSettings) -> Iterator[str]:
    """One line for each value that is set, with where it was set; secrets only as set."""
    import json

    from settings.options import all_options

    effective = loaded.settings.model_dump(mode="json")
    for key, origin in loaded.origins.items():
        option = all_options()[key]
        value: object = effective
        for step in option.path:
            value = value[step] if isinstance(value, dict) else None
        yield f"  {key} = {'(set)' if option.is_secret else _brief(json.dumps(value))}  ({origin})"


def _brief(text: str, longest: int = 100) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
