"""Keys for development, and the operator's account: made once, kept in the data directory, never in the code."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from settings.problems import Problem, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE_NAME: Final = "dev-secrets.json"
SECRET_BYTES: Final = 32

FIRST_NAMES: Final = frozenset({"hmac_secret_key", "http_api_key"})
"""What files of every version hold."""
NAMES: Final = ("hmac_secret_key", "http_api_key", "accounts_secret_key", "operator_password")

OPERATOR_EMAIL: Final = "operator@localhost.example"
"""RFC 2606 keeps `.example` free: nobody gets mail there."""


@dataclass(frozen=True, slots=True)
class DevSecrets:
    """One set of keys, who may log in at the console, and the file that holds them."""

    path: Path
    hmac_secret_key: str = field(repr=False)
    http_api_key: str = field(repr=False)
    accounts_secret_key: str = field(repr=False)
    operator_password: str = field(repr=False)
    operator_email: str = OPERATOR_EMAIL


def load_dev_secrets(data_dir: Path) -> DevSecrets:
    """The secrets of this data directory, made on the first call. The file is readable by its owner only.

    A file of an older version gets what it lacks and keeps what it has. Of two processes that start at once the second
    waits for the first and takes its secrets.

    Raises:
        SettingsError: the directory cannot be written, or the file holds something else.
    """
    path = data_dir / FILE_NAME
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with _alone(data_dir):
            return DevSecrets(path, **_completed(path))
    except OSError as exc:
        raise SettingsError([Problem("", f"development secrets: {exc.strerror}", f"file {path}")]) from exc
    except ValueError as exc:
        message = "does not hold development secrets; delete it and new ones are made"
        raise SettingsError([Problem("", message, f"file {path}")]) from exc


def new_dev_secrets(path: Path) -> DevSecrets:
    """Fresh secrets that are written nowhere."""
    return DevSecrets(path, **{name: _new_secret() for name in NAMES})


@contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """Holds the directory itself for the moment: no lock file is left behind."""
    descriptor = os.open(data_dir, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _completed(path: Path) -> dict[str, str]:
    """What the file holds, after what it lacks has been added to it."""
    found = _read(path) if path.exists() else {}
    complete = {name: found.get(name) or _new_secret() for name in NAMES}
    complete["operator_email"] = found.get("operator_email") or OPERATOR_EMAIL
    if found != complete:
        _write(path, complete)
    return complete


def _read(path: Path) -> dict[str, str]:
    content = json.loads(path.read_text(encoding="utf-8"))
    if (
        not isinstance(content, dict)
        or not content.keys() >= FIRST_NAMES
        or not content.keys() <= {*NAMES, "operator_email"}
    ):
        raise ValueError("not an object with our secrets")
    if not all(isinstance(value, str) and value for value in content.values()):
        raise ValueError("a secret that is no text")
    return content


def _write(path: Path, content: dict[str, str]) -> None:
    """Written beside the file and moved: it is whole or as it was, and never readable by others."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(json.dumps(content, indent=2) + "\n")
    draft.replace(path)


def _new_secret() -> str:
    return secrets.token_urlsafe(SECRET_BYTES)
