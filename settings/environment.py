"""Options from the environment: SYNCLINE_CLIENT__PING_INTERVAL is client.ping_interval.

An empty variable counts as unset. A variable with the prefix that names no option is a problem, as a misspelt key in a
file is. For secrets and public keys, <variable>_FILE names a file that holds the value.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from settings.masking import mask_secrets
from settings.options import ENV_FILE_SUFFIX, ENV_NESTING, ENV_PREFIX, Option, all_options
from settings.sources import Source
from settings.structure import check_structure, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from settings.inspection import Inspection


def read_environment(environ: Mapping[str, str], inspection: Inspection) -> Source:
    return _EnvironmentReader(environ, inspection).read()


class _EnvironmentReader:
    def __init__(self, environ: Mapping[str, str], inspection: Inspection) -> None:
        self._variables = {name: value for name, value in environ.items() if name.startswith(ENV_PREFIX) and value}
        self._inspection = inspection
        self._source = Source("env")

    def read(self) -> Source:
        known: set[str] = set()
        for option in all_options().values():
            known |= set(_names_of(option))
            self._read_option(option)
        for name in sorted(set(self._variables) - known):
            self._refuse(name)
        check_structure(self._source, self._inspection)
        mask_secrets(self._source.tree)
        return self._source

    def _read_option(self, option: Option) -> None:
        for name, value in self._values(option):
            self._source.put(option.path, value, f"env {name}")

    def _values(self, option: Option) -> Iterator[tuple[str, Any]]:
        """The value as (variable, value): once, or not at all."""
        names = [name for name in _names_of(option) if name in self._variables]
        if len(names) > 1:
            self._inspection.fail(option.path, f"{' and '.join(names)} are both set; keep one", "env")
        for name in names[:1]:
            read = self._decoded if name == option.env_name else self._content
            yield from read(option, name, self._variables[name])

    def _decoded(self, option: Option, name: str, text: str) -> Iterator[tuple[str, Any]]:
        is_json = option.shape.name == "list of sections" or (
            option.shape.name == "list of strings" and text.lstrip().startswith("[")
        )
        if not is_json:
            yield name, text
            return
        try:
            yield name, json.loads(text)
        except ValueError as exc:
            self._inspection.fail(option.path, f"must be a JSON list: {exc}", f"env {name}")

    def _content(self, option: Option, name: str, path: str) -> Iterator[tuple[str, str]]:
        try:
            yield name, Path(path).read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
        except OSError as exc:
            self._inspection.fail(option.path, f"cannot read {path}: {exc.strerror}", f"env {name}")
        except UnicodeDecodeError:
            self._inspection.fail(option.path, f"{path} is not UTF-8 text", f"env {name}")

    def _refuse(self, name: str) -> None:
        key = name.removeprefix(ENV_PREFIX).lower().replace(ENV_NESTING, ".")
        suggestion = all_options().get(nearest(key))
        hint = f"; did you mean {suggestion.env_name}?" if suggestion else ""
        self._inspection.unknown(name, f"names no option{hint}", "env")


def _names_of(option: Option) -> tuple[str, ...]:
    return (option.env_name, option.env_name + ENV_FILE_SUFFIX) if option.shape.can_be_file else (option.env_name,)
