"""Loading without a process environment: what a test does not give is not there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest

from settings.loading import LoadedSettings, load_settings
from settings.problems import Problem, SettingsError

HMAC_SECRET = "a-secret-of-forty-characters-for-testing"
API_KEY = "an-api-key-for-testing"


class Load(Protocol):
    def __call__(
        self,
        tree: Mapping[str, Any] | None = None,
        *,
        env: Mapping[str, str] | None = None,
        flags: Mapping[str, object] | None = None,
        **options: Any,
    ) -> LoadedSettings: ...


Complain = Callable[..., list[Problem]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load a tree as a JSON file, with environment and flags; secrets that serving needs are not asked for."""

    def loader(
        tree: Mapping[str, Any] | None = None,
        *,
        env: Mapping[str, str] | None = None,
        flags: Mapping[str, object] | None = None,
        **options: Any,
    ) -> LoadedSettings:
        config_file = None
        if tree is not None:
            config_file = tmp_path / "config.json"
            config_file.write_text(json.dumps(tree))
        options = {"config_file": config_file, "is_for_serving": False, **options}
        return load_settings(environ=env or {}, overrides=flags or {}, **options)

    return loader


@pytest.fixture
def problems(load: Load) -> Complain:
    """What loading complains about; fails when it does not complain."""

    def complain(*args: Any, **options: Any) -> list[Problem]:
        with pytest.raises(SettingsError) as caught:
            load(*args, **options)
        return list(caught.value.problems)

    return complain


@pytest.fixture
def complaint(problems: Complain) -> Callable[..., str]:
    """The one complaint, as it is printed, without the source."""

    def only(*args: Any, **options: Any) -> str:
        (problem,) = problems(*args, **options)
        return f"{problem.key}: {problem.message}"

    return only


@pytest.fixture
def warnings(load: Load) -> Callable[..., list[str]]:
    def warned(*args: Any, **options: Any) -> list[str]:
        return [f"{problem.key}: {problem.message}" for problem in load(*args, **options).warnings]

    return warned
