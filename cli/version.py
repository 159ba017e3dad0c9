"""`syncline version`."""

from __future__ import annotations

import platform

import typer


def version() -> None:
    """Print the version."""
    from hub.config import HubConfig

    typer.echo(f"syncline {HubConfig().version} (Python {platform.python_version()})")
