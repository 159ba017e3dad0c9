"""The command line in a directory and an environment of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.app import build_app
from cli.configuration import ServeOptions

HMAC_SECRET = "a-secret-of-forty-characters-for-testing"
API_KEY = "an-api-key-for-testing"

Run = Callable[..., Result]


class RecordingServe:
    """Stands in for main's: remembers what it was told."""

    def __init__(self) -> None:
        self.options: list[ServeOptions] = []
        self.exit_code = 0
        self.failure: Exception | None = None

    def __call__(self, options: ServeOptions) -> int:
        self.options.append(options)
        if self.failure is not None:
            raise self.failure
        return self.exit_code


@pytest.fixture
def served() -> RecordingServe:
    return RecordingServe()


@pytest.fixture
def run(served: RecordingServe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("SYNCLINE_"):
            monkeypatch.delenv(name)
    app, runner = build_app(served), CliRunner()

    def invoke(*arguments: str, **options: Any) -> Result:
        result: Result = runner.invoke(app, list(arguments), **options)
        return result

    return invoke
