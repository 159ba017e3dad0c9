"""Keys for development: made once, kept in the data directory, never in the code."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from settings.problems import Problem, SettingsError

if TYPE_CHECKING:
    from pathlib import Path

FILE_NAME: Final = "dev-secrets.json"
SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class DevSecrets:
    """One set of keys, and the file that holds them."""

    path: Path
    hmac_secret_key: str = field(repr=False)
    http_api_key: str = field(repr=False)


def load_dev_secrets(data_dir: Path) -> DevSecrets:
    """The secrets of this data directory, made on the first call. The file is readable by its owner only.

    Two processes that start at once get the same secrets: whoever links the file first wins.

    Raises:
        SettingsError: the directory cannot be written, or the file holds something else.
    """
    path = data_dir / FILE_NAME
    try:
        if not path.exists():
            data_dir.mkdir(parents=True, exist_ok=True)
            _write_new(path)
        content = json.loads(path.read_text(encoding="utf-8"))
        return DevSecrets(path, _text(content, "hmac_secret_key"), _text(content, "http_api_key"))
    except OSError as exc:
        raise SettingsError([Problem("", f"development secrets: {exc.strerror}", f"file {path}")]) from exc
    except ValueError as exc:
        message = "does not hold development secrets; delete it and new ones are made"
        raise SettingsError([Problem("", message, f"file {path}")]) from exc


def new_dev_secrets(path: Path) -> DevSecrets:
    """Fresh secrets that are written nowhere."""
    return DevSecrets(path, secrets.token_urlsafe(SECRET_BYTES), secrets.token_urlsafe(SECRET_BYTES))


def _write_new(path: Path) -> None:
    made = new_dev_secrets(path)
    content = json.dumps({"hmac_secret_key": made.hmac_secret_key, "http_api_key": made.http_api_key}, indent=2)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content + "\n")
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was faster: its secrets are everybody's
    finally:
        draft.unlink()


def _text(content: object, name: str) -> str:
    value = content.get(name) if isinstance(content, dict) else None
    if not isinstance(value, str) or not value:
        raise ValueError(name)
    return value
