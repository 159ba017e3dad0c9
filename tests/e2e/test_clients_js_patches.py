"""The package `syncline` and the server apply patches alike: what a device shows at once is what it is told later."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sessions.config import StateConfig
from sessions.refusal import Refusal
from sessions.state.mutation import Mutation, applied, checked
from tests.e2e.clients_js import build_package
from tests.e2e.javascript import DIRECTORY, node_js

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sessions.state.document import MutationKind

pytestmark = [pytest.mark.node, pytest.mark.slow]

Answer = dict[str, Any]

NAMES = st.sampled_from(["a", "b", "", "0", "1", "-", "x/y", "m~n", "__proto__", "constructor"])
SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.5, -1.0, "", "a", "1"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)


def _pointer(tokens: list[str]) -> str:
    return "".join("/" + token.replace("~", "~0").replace("/", "~1") for token in tokens)


TOKENS = st.sampled_from(["a", "b", "0", "1", "01", "3"]) | NAMES
POINTERS = st.lists(TOKENS, max_size=3).map(_pointer) | st.sampled_from(["", "a", "/~2", "/a/01", "/-/-"])
OPERATIONS = st.lists(
    st.builds(lambda op, path, value: {"op": op, "path": path, "value": value},
              st.sampled_from(["add", "replace", "test"]), POINTERS, VALUES)
    | st.builds(lambda path: {"op": "remove", "path": path}, POINTERS)
    | st.builds(lambda op, source, path: {"op": op, "from": source, "path": path},
                st.sampled_from(["move", "copy"]), POINTERS, POINTERS),
    max_size=3,
)  # fmt: skip


@pytest.fixture(scope="module")
def client() -> Iterator[Callable[[Answer], Answer]]:
    build_package()
    command = [node_js(), str(DIRECTORY / "syncline" / "patches.mjs")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def ask(question: Answer) -> Answer:
            stdin.write(json.dumps(question) + "\n")
            stdin.flush()
            answer: Answer = json.loads(stdout.readline())
            return answer

        yield ask
        stdin.close()


def _server(kind: MutationKind, value: Answer, patch: Any) -> Answer:
    """What the server makes of it, in the form of the client's answer."""
    mutation = Mutation("key", "id", "device", kind, json.dumps(patch).encode())
    before = json.dumps(value["value"]).encode() if value else None
    try:
        after = applied(checked(mutation, StateConfig()), before, StateConfig())
    except Refusal:
        return {"fails": True}
    assert after is not None
    return {"value": json.loads(after)}


def _spelled(answer: Answer) -> str:
    """One spelling for what is equal as JSON: 1 and 1.0 are, 1 and true are not."""
    return json.dumps(json.loads(json.dumps(answer), parse_float=_shortest), sort_keys=True)


def _shortest(number: str) -> float:
    return int(float(number)) if float(number).is_integer() else float(number)


ROOMY = st.fixed_dictionaries({"a": st.lists(VALUES, max_size=3), "b": st.dictionaries(NAMES, VALUES, max_size=3)})
"""Documents in which a pointer finds something."""
DOCUMENTS: st.SearchStrategy[Answer] = st.just({}) | (ROOMY | VALUES).map(lambda value: {"value": value})
MANY = settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@MANY
@given(document=DOCUMENTS, patch=VALUES)
def test_merge_patches(client: Callable[[Answer], Answer], document: Answer, patch: Any) -> None:
    answer = client({**document, "kind": "merge", "patch": patch})
    assert _spelled(answer) == _spelled(_server("merge", document, patch))


@MANY
@given(document=DOCUMENTS, patch=OPERATIONS)
def test_json_patches(client: Callable[[Answer], Answer], document: Answer, patch: Any) -> None:
    answer = client({**document, "kind": "patch", "patch": patch})
    assert _spelled(answer) == _spelled(_server("patch", document, patch))
