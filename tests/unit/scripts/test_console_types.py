"""The console and the server speak of the same things."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from scripts.console_types import document, interface

ROOT = Path(__file__).parents[3]


def test_the_types_of_the_console_are_those_of_the_server() -> None:
    kept = (ROOT / "console/src/types.ts").read_text()
    assert kept == document(), "python -m scripts.console_types > console/src/types.ts"


class Inner(msgspec.Struct):
    name: str


class Told(msgspec.Struct, kw_only=True):
    maybe: float | None
    some: list[Inner]
    kind: Literal["a", "b"]
    kinds: list[Literal["a", "b"]] = []
    anything: Any = None
    by_name: dict[str, int | str] = {}


class Taken(msgspec.Struct, forbid_unknown_fields=True):
    needed: msgspec.Raw
    other: bool | msgspec.UnsetType = msgspec.UNSET


def test_what_is_told_is_always_there() -> None:
    assert list(interface(Told)) == [
        "export interface Told {",
        "  maybe: number | null;",
        "  some: Inner[];",
        '  kind: "a" | "b";',
        '  kinds: ("a" | "b")[];',
        "  anything: Json;",
        "  by_name: Record<string, number | string>;",
        "}",
    ]


def test_what_is_taken_may_be_left_out_when_it_has_a_default() -> None:
    assert list(interface(Taken)) == [
        "export interface Taken {",
        "  needed: Json;",
        "  other?: boolean;",
        "}",
    ]


def test_what_it_does_not_know_it_does_not_guess() -> None:
    class Odd(msgspec.Struct):
        odd: set[str]

    with pytest.raises(TypeError, match="no type of TypeScript"):
        list(interface(Odd))
