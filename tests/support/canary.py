"""Secrets that nobody may find in a log, a trace, a metric, an error report or a problem document (I12, T2, T16).

Two nets. `Canaries` are planted by tests that send them everywhere and then look into every sink. And in every test of
the suite, what our code logs, and what a node in a process of its own has written, is searched for the secrets that the
fixtures use: a hit fails that test.
"""

from __future__ import annotations

import base64
import json
import logging
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import pytest

from observability.logging import EventFormatter
from tests.support.api_client import API_KEY
from tests.support.tokens import OTHER_SECRET, SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FIXTURE_PASSWORD: Final = "correct horse battery staple"
"""tests.support.rest_node.PASSWORD, which is heavy to import."""

FIXTURE_SECRETS: Final = (API_KEY, SECRET, OTHER_SECRET, FIXTURE_PASSWORD)

DEV_SECRETS: Final = "dev-secrets.json"


def _jwt() -> str:
    head, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": "HS256", "typ": "JWT"}, {"sub": "canary", "exp": 1})
    )
    return f"{head}.{body}.{secrets.token_urlsafe(32)}"


@dataclass(frozen=True, kw_only=True)
class Canaries:
    """One of each kind, new for each test where chance makes them."""

    password: str = "canary-password-4711"
    email: str = "canary-address@example.com"
    card: str = "4111111111111111"
    grouped_card: str = "5555 5555 5555 4444"
    jwt: str = field(default_factory=_jwt)
    api_key: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    refresh_token: str = field(default_factory=lambda: secrets.token_urlsafe(72))

    def named(self) -> dict[str, str]:
        return dict(vars(self))

    @property
    def text(self) -> str:
        """All of them in one text, as people put them into fields that are not theirs."""
        return (
            f"pay {self.card} or {self.grouped_card} for {self.email}, password={self.password}, "
            f"Bearer {self.api_key}, {self.jwt}, {self.refresh_token}"
        )

    @property
    def short(self) -> str:
        """Some of them, where little room is."""
        return f"{self.email} {self.card}"

    @property
    def fields(self) -> dict[str, object]:
        """As members of a JSON object."""
        return {
            "password": self.password,
            "email": self.email,
            "card_number": self.card,
            "note": self.text,
            "access_token": self.jwt,
            "refresh_token": self.refresh_token,
            "nested": {"api_key": self.api_key, "list": [self.grouped_card, {"secret": self.password}]},
        }

    @property
    def query(self) -> str:
        """As parameters of a URL."""
        parameters = {
            "access_token": self.jwt,
            "api_key": self.api_key,
            "email": self.email,
            "note": self.text,
            "card": self.card,
        }
        return "&".join(f"{name}={quote(value)}" for name, value in parameters.items())

    @property
    def headers(self) -> dict[str, str]:
        """Of HTTP, and of a message."""
        return {
            "Authorization": f"Bearer {self.jwt}",
            "X-API-Key": self.api_key,
            "Cookie": f"session={self.refresh_token}; other={self.password}",
            "User-Agent": f"canary {self.email} {self.api_key}",
            "X-Request-ID": self.api_key,
            "Referer": f"https://app.example.com/?token={self.jwt}",
            "X-Note": self.text,
        }

    def found_in(self, sink: str | bytes, more: Mapping[str, str] | None = None) -> list[str]:
        """The names of those that are there, as they are, as URLs have them or as JSON in JSON has them."""
        text = sink.decode("utf-8", "replace") if isinstance(sink, bytes) else sink
        planted = self.named() | dict(more or {})
        return sorted(name for name, secret in planted.items() if _forms(secret) & _found(text, _forms(secret)))


def _forms(secret: str) -> set[str]:
    return {secret, quote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1]}


def _found(text: str, forms: set[str]) -> set[str]:
    return {form for form in forms if form in text}


# --- in every test ----------------------------------------------------------------------------------------------------


class SecretLogged(AssertionError):
    """A secret of the fixtures has been found where everybody reads it."""


class LogNet(logging.Handler):
    """Renders what is logged as a node would, and keeps what holds a secret."""

    def __init__(self, planted: tuple[str, ...] = FIXTURE_SECRETS) -> None:
        super().__init__()
        self._planted = planted
        self.caught: list[str] = []
        self.setFormatter(EventFormatter(self._look))

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or self._is_suspect(str(vars(record))):
            self.format(record)

    def raise_caught(self) -> None:
        if self.caught:
            raise SecretLogged(f"a secret was logged: {self.caught}")

    def _look(self, event: Mapping[str, object]) -> str:
        text = str(event)
        if self._is_suspect(text):
            self.caught.append(text)
        return ""

    def _is_suspect(self, text: str) -> bool:
        return any(secret in text for secret in self._planted)


@pytest.fixture(autouse=True)
def _no_secret_is_logged() -> Iterator[None]:
    """Around every test. A test that configures logging anew looks at its own sink."""
    net, root = LogNet(), logging.getLogger()
    root.addHandler(net)
    try:
        yield
    finally:
        root.removeHandler(net)
    net.raise_caught()
    LOG_FILES.check()


class LogFiles:
    """What nodes write, piece by piece, against the secrets of the fixtures and those that a node has made."""

    def __init__(self) -> None:
        self._seen: dict[Path, int] = {}
        self._data_dirs: dict[Path, Path] = {}

    def watch(self, log_file: Path, data_dir: Path) -> None:
        """A node writes here from now on; it keeps what it has made in `data_dir`."""
        self._data_dirs[log_file] = data_dir
        self._seen.setdefault(log_file, 0)

    def check(self) -> None:
        """Raises: SecretLogged: somewhere since the last look."""
        caught = [line for log_file in list(self._seen) for line in self._caught(log_file)]
        if caught:
            raise SecretLogged(f"a node has logged a secret: {caught[:3]}")

    def _caught(self, log_file: Path) -> list[str]:
        if not log_file.exists():
            del self._seen[log_file]
            return []
        with log_file.open("rb") as file:
            file.seek(self._seen[log_file])
            written = file.read()
        end = written.rfind(b"\n") + 1  # half a line is looked at when it is whole
        self._seen[log_file] += end
        planted = {*FIXTURE_SECRETS, *_dev_secrets(self._data_dirs[log_file])}
        lines = written[:end].decode("utf-8", "replace").splitlines()
        return [line for line in lines if any(secret in line for secret in planted)]


LOG_FILES: Final = LogFiles()
"""Of every node that a test has started; files that are gone are forgotten."""


def _dev_secrets(data_dir: Path) -> set[str]:
    file = data_dir / DEV_SECRETS
    if not file.exists():
        return set()
    return {value for name, value in json.loads(file.read_text()).items() if not name.endswith("email")}
