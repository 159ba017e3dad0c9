"""Which storage a command works on, and what it says when that fails."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from cli.configuration import config_choice, load
from cli.console import fail, telling_problems

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from storage.config import StorageConfig


def use_storage(
    config_file: Path | None, is_dev: bool, data_dir: Path | None, allow_unknown: bool
) -> tuple[StorageConfig, Path]:
    """The storage that a server with the same flags would use, and its data directory.

    Warnings about the configuration are for those who serve by it.
    """
    from settings.session_views import storage_config

    choice = config_choice(config_file, is_dev, data_dir, allow_unknown)
    with telling_problems():
        loaded = load(choice, is_for_serving=False)
    return storage_config(loaded.settings, choice.data_dir), choice.data_dir


@contextmanager
def telling_storage_failures() -> Iterator[None]:
    """Say why it failed, and end with exit code 1."""
    from storage.data_directory import DirectoryInUse
    from storage.database import CannotOpen, StorageUnavailable

    try:
        yield
    except DirectoryInUse as exc:
        fail(f"{exc}: stop the server first")
    except (CannotOpen, StorageUnavailable, OSError) as exc:
        fail(str(exc))
