"""Options from a file: TOML or JSON, by its suffix, nested as the options are."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any, Final

from settings.masking import mask_secrets
from settings.sources import Source, Tree
from settings.structure import check_structure

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from settings.inspection import Inspection

YAML_SUFFIXES: Final = (".yaml", ".yml")


class DuplicateKey(ValueError):
    """A JSON object names a key twice; most readers would drop one silently."""


def read_config_file(path: Path, inspection: Inspection) -> Source:
    """The file's values. What is wrong with the file as a whole leaves it empty, and every option in doubt."""
    source = Source(f"file {path}")
    try:
        parsed = _parse(path)
    except OSError as exc:
        inspection.fail((), f"cannot be read: {exc.strerror}", source.name)
    except UnicodeDecodeError:
        inspection.fail((), "is not UTF-8 text", source.name)
    except ValueError as exc:
        inspection.fail((), str(exc), source.name)
    else:
        _fill(source, parsed, inspection)
    return source


def _parse(path: Path) -> object:
    """The file's content; ValueError says what is wrong in words that need no further context."""
    suffix = path.suffix.lower()
    if suffix in YAML_SUFFIXES:
        raise ValueError("YAML is not read; write the same options as TOML or JSON")
    parse = _PARSERS.get(suffix)
    if parse is None:
        raise ValueError("must end in .toml or .json, so that its format is known")
    return parse(path.read_text(encoding="utf-8-sig"))


def _parse_json(text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except DuplicateKey:
        raise
    except (ValueError, RecursionError) as exc:
        raise ValueError(f"is not valid JSON: {exc}") from exc


def _parse_toml(text: str) -> object:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as exc:
        raise ValueError(f"is not valid TOML: {exc}") from exc


_PARSERS: Final[dict[str, Callable[[str], object]]] = {".json": _parse_json, ".toml": _parse_toml}


def _unique(pairs: list[tuple[str, Any]]) -> Tree:
    tree: Tree = {}
    for name, value in pairs:
        if name in tree:
            raise DuplicateKey(f"gives the key {name!r} twice in one object")
        tree[name] = value
    return tree


def _fill(source: Source, parsed: object, inspection: Inspection) -> None:
    if not isinstance(parsed, dict):
        inspection.fail((), "must hold an object of options", source.name)
        return
    source.tree = parsed
    check_structure(source, inspection)
    mask_secrets(source.tree)
