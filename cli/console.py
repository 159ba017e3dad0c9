"""What commands say, and where: results on stdout, complaints on stderr."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import typer

from settings.problems import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from settings.problems import Problem


def fail(message: str) -> NoReturn:
    """Say why the command failed, and end it with exit code 1."""
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(1)


def warn(problems: Iterable[Problem]) -> None:
    for problem in problems:
        typer.echo(f"warning: {problem}", err=True)


@contextmanager
def telling_problems() -> Iterator[None]:
    """Tell everything that is wrong with the configuration, one line each, and end with exit code 1."""
    try:
        yield
    except SettingsError as exc:
        for problem in exc.problems:
            typer.echo(f"error: {problem}", err=True)
        raise typer.Exit(1) from None
