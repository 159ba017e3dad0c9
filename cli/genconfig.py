"""`syncline genconfig`: a configuration to start from, with secrets of its own."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer

from cli.console import fail

SECRET_BYTES: Final = 32
FILE_MODE: Final = 0o600

OutputOption = Annotated[Path, typer.Option("--output", "-o", help="File to write, .json or .toml.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace a file that is there; its secrets are lost.")]


def genconfig(output: OutputOption = Path("config.json"), force: ForceOption = False) -> None:
    """Write a minimal, secure configuration with fresh secrets, readable by its owner only."""
    render = _RENDERERS.get(output.suffix.lower())
    if render is None:
        raise typer.BadParameter("must end in .json or .toml", param_hint="--output")
    if output.exists() and not force:
        fail(f"{output} exists; --force replaces it and its secrets")
    try:
        _write_privately(output, render(_new_secrets()))
    except OSError as exc:
        fail(f"{output}: {exc.strerror}")
    typer.echo(f"Wrote {output}")


class NewSecrets(NamedTuple):
    hmac_secret_key: str
    http_api_key: str
    accounts_secret_key: str


def _new_secrets() -> NewSecrets:
    return NewSecrets(*(secrets.token_urlsafe(SECRET_BYTES) for _ in NewSecrets._fields))


def _render_json(made: NewSecrets) -> str:
    tree = {
        "client": {"token": {"hmac_secret_key": made.hmac_secret_key}, "allowed_origins": []},
        "http_api": {"key": made.http_api_key},
        "accounts": {"enabled": False, "secret_key": made.accounts_secret_key},
    }
    return json.dumps(tree, indent=2) + "\n"


def _render_toml(made: NewSecrets) -> str:
    """Secrets are URL-safe base64, which needs no escaping."""
    return f"""\
[client]
# Origins of the pages that may connect, such as "https://app.example.com".
allowed_origins = []

[client.token]
# Your backend signs connection tokens with this key (HS256).
hmac_secret_key = "{made.hmac_secret_key}"

[http_api]
# Your backend sends this as X-API-Key.
key = "{made.http_api_key}"

[accounts]
# true serves users, sessions and shared state under /v1. They are kept in the data directory, or in database.url.
enabled = false
# Keep a copy: without this key every password is lost.
secret_key = "{made.accounts_secret_key}"
"""


_RENDERERS: Final[Mapping[str, Callable[[NewSecrets], str]]] = {".json": _render_json, ".toml": _render_toml}


def _write_privately(path: Path, text: str) -> None:
    """Write beside the file and move: it is whole or absent, and never readable by others, not even for a moment."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "w") as file:
            file.write(text)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
