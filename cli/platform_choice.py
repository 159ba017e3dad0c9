"""Which platform a command works on: the one that a server with the same flags would run."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from cli.configuration import config_choice, load
from cli.console import fail, telling_problems, warn
from cli.platform_config import platform_config
from cli.storage_choice import telling_storage_failures

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from composition.config import PlatformConfig


@contextmanager
def using_platform(
    config_file: Path | None, is_dev: bool, data_dir: Path | None, allow_unknown: bool
) -> Iterator[PlatformConfig]:
    """Its configuration. What goes wrong with it, or with its storage, ends the command with exit code 1."""
    choice = config_choice(config_file, is_dev, data_dir, allow_unknown)
    with telling_problems():
        loaded = load(choice)
    warn(loaded.warnings)
    config = platform_config(loaded.settings, choice.data_dir)
    if config is None:
        fail("accounts.enabled is not set: there are neither accounts nor keys")
    with telling_storage_failures():
        yield config
