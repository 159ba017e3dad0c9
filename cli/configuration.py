"""Where a command takes its configuration from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from settings.dev_secrets import DevSecrets
    from settings.loading import LoadedSettings

DEFAULT_DATA_DIR: Final = Path("data")

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", help="Configuration file, .toml or .json.", show_default=False)
]
DevOption = Annotated[bool, typer.Option("--dev", help="Development profile, secrets in the data directory.")]
DataDirOption = Annotated[
    Path | None, typer.Option("--data-dir", help=f"Data directory ({DEFAULT_DATA_DIR}).", show_default=False)
]
AllowUnknownOption = Annotated[
    bool, typer.Option("--allow-unknown", help="Take unknown keys for warnings, not for errors.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigChoice:
    """What the command line says about the configuration.

    Attributes:
        overrides: values of flags by key, `http_server.port`.
    """

    config_file: Path | None = None
    is_dev: bool = False
    data_dir: Path = DEFAULT_DATA_DIR
    overrides: Mapping[str, object] = field(default_factory=dict)
    allow_unknown: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions(ConfigChoice):
    """What `serve` was told.

    Attributes:
        has_state: keep the state of an orderly stop in the data directory. Not in a directory nobody named, unless in
            development: a container's may not be writable, and two servers started side by side would share it.
        may_migrate: bring the schema of a database that others may use up to date first.
        workers: how many nodes share the port; more than one are processes of their own.
    """

    has_state: bool = False
    may_migrate: bool = False
    workers: int = 1


def config_choice(config_file: Path | None, is_dev: bool, data_dir: Path | None, allow_unknown: bool) -> ConfigChoice:
    """What the four options that every such command has come to."""
    return ConfigChoice(
        config_file=config_file, is_dev=is_dev, data_dir=data_dir or DEFAULT_DATA_DIR, allow_unknown=allow_unknown
    )


def token_command_choice(
    config_file: Path | None, is_dev: bool, data_dir: Path | None, allow_unknown: bool
) -> ConfigChoice:
    """What commands about tokens go by: naming a data directory asks for the development secrets in it."""
    return config_choice(config_file, is_dev or data_dir is not None, data_dir, allow_unknown)


def load(choice: ConfigChoice, *, is_for_serving: bool = True) -> LoadedSettings:
    """Load and check the configuration; the process environment counts.

    With the development profile, its secrets are made in the data directory if they are not there yet.

    Raises:
        SettingsError: with everything that is wrong.
    """
    from settings.dev_secrets import load_dev_secrets

    return load_with(
        choice, load_dev_secrets(choice.data_dir) if choice.is_dev else None, is_for_serving=is_for_serving
    )


def load_with(choice: ConfigChoice, dev: DevSecrets | None, *, is_for_serving: bool = True) -> LoadedSettings:
    """As load, with the development secrets given; None for no development profile."""
    from settings.loading import load_settings

    return load_settings(
        config_file=choice.config_file,
        environ=os.environ,
        overrides=choice.overrides,
        allow_unknown=choice.allow_unknown,
        dev=dev,
        is_for_serving=is_for_serving,
    )
