"""What clients should not send: every operation's body, made worse member by member; and requests that are none."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any

import pytest

from api.rest import body as body_module
from api.rest.body import MAX_JSON_BYTES
from api.rest.cookies import REFRESH_COOKIE
from services.accounts.user import Role
from tests.integration.rest.samples import SAMPLES
from tests.support.api_client import Answer
from tests.support.rest_node import Person, RestNode

WITH_JSON_OBJECTS = sorted(
    name for name, sample in SAMPLES.items() if isinstance(sample.body, dict) and not name.endswith("Document")
)

WRONG: tuple[Any, ...] = (None, 1, True, [], {}, ["x"], {"x": 1}, "\x00", "\x1b[31m", "a\r\nX-Evil: 1", "x" * 9000)


ALLOWED: tuple[tuple[str, tuple[str, ...], object], ...] = (
    ("disconnectClient", ("can_reconnect",), True),
    ("removeDeadLetters", ("everything",), True),
    ("replayDeadLetters", ("ids",), ["x"]),
    ("publishToChannel", ("tags",), {}),
    *(("publishToChannel", path, wrong) for path in (("data",), ("data", "n")) for wrong in WRONG),
)
"""What is wrong elsewhere, and a value like any other here."""


def is_allowed(name: str, path: tuple[str, ...], value: object) -> bool:
    return any((name, path) == known[:2] and type(known[2]) is type(value) and known[2] == value for known in ALLOWED)


async def send(node: RestNode, name: str, body: object, by: Person, headers: dict[str, str] | None = None) -> Answer:
    [operation] = [operation for operation in node.rest.operations if operation.id == name]
    sample = SAMPLES[name]
    return await node.call(
        operation.method, sample.path_for(by, by), body, by=by, headers={**sample.headers, **(headers or {})}
    )


def places(value: object, above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Where the members of an object are."""
    if not isinstance(value, dict):
        return []
    return [path for name in value for path in [(*above, name), *places(value[name], (*above, name))]]


def replaced(value: dict[str, Any], path: tuple[str, ...], new: object) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(value))
    node = copy
    for step in path[:-1]:
        node = node[step]
    if new is ...:
        del node[path[-1]]
    else:
        node[path[-1]] = new
    return copy


def assert_problem(answer: Answer, status: int, *codes: str) -> None:
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json
    assert document["type"] == "about:blank"
    assert document["status"] == status
    assert document["title"]
    assert document["code"] in codes
    assert document.keys() <= {"type", "title", "status", "code", "detail", "field"}


@pytest.mark.parametrize("name", WITH_JSON_OBJECTS)
async def test_members_of_the_wrong_kind(node: RestNode, name: str) -> None:
    admin = await node.person(role=Role.ADMIN)
    sample = SAMPLES[name]
    for path in places(sample.body):
        for wrong in (wrong for wrong in WRONG if not is_allowed(name, path, wrong)):
            answer = await send(node, name, replaced(sample.body, path, wrong), admin)
            if isinstance(wrong, str) and answer.status == 401 and path in {("password",), ("current_password",)}:
                continue  # any text may be tried as a password
            assert_problem(answer, 400, "invalid_field")
            assert re.split(r"[.\[]", answer.json["field"])[0] in {*path, "refresh_token"}, (path, wrong)
            assert "Evil" not in answer.body.decode()
            assert "x" * 100 not in answer.body.decode()


@pytest.mark.parametrize("name", WITH_JSON_OBJECTS)
async def test_unknown_members_name_themselves(node: RestNode, name: str) -> None:
    """Mass assignment: what is not taken is refused, not ignored."""
    admin = await node.person(role=Role.ADMIN)
    for member in ("id", "user_id", "roles", "is_admin", "created_at"):
        answer = await send(node, name, {**SAMPLES[name].body, member: "x"}, admin)
        assert_problem(answer, 400, "invalid_field")
        assert answer.json["field"] == member


async def test_unknown_members_further_down(node: RestNode) -> None:
    ann = await node.person()
    body = replaced(SAMPLES["login"].body, ("device", "token"), "x")
    answer = await send(node, "login", body, ann)
    assert_problem(answer, 400, "invalid_field")
    assert answer.json["field"] == "device.token"


@pytest.mark.parametrize("name", ["register", "login", "loginExternal", "updateMe", "changePassword", "renameSession"])
async def test_missing_members_are_named(node: RestNode, name: str) -> None:
    ann = await node.person()
    body = SAMPLES[name].body
    for path in places(body):
        if path == ("name",) and name == "register":
            continue
        answer = await send(node, name, replaced(body, path, ...), ann)
        assert_problem(answer, 400, "invalid_field")
        assert answer.json["field"] == ".".join(path)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"1", b'"x"', b"\xff\xfe", b"{}{}", b"[" * 5000, b'{"email":"\\ud800"}', b"NaN"],
)
async def test_bodies_that_are_no_objects(node: RestNode, body: bytes) -> None:
    ann = await node.person()
    for name in ("register", "login", "updateMe"):
        assert_problem(await send(node, name, body, ann), 400, "invalid_json", "invalid_field")


@pytest.mark.parametrize("name", WITH_JSON_OBJECTS)
async def test_huge_bodies(node: RestNode, name: str) -> None:
    admin = await node.person(role=Role.ADMIN)
    fits = b" " * (MAX_JSON_BYTES - 2) + b"{}"
    assert (await send(node, name, fits, admin)).status != 413
    assert_problem(await send(node, name, b" " * (MAX_JSON_BYTES + 1), admin), 413, "too_large")


async def test_a_huge_body_that_does_not_say_so(node: RestNode) -> None:
    """Without a length, what comes is counted; and what a compressed body unfolds to."""
    head = (
        "POST /v1/accounts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    chunk = b" " * 20_000
    request = head.encode() + f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n0\r\n\r\n"
    assert b" 413 " in await node.exchange(request)


async def test_a_bomb_in_a_compressed_body(node: RestNode) -> None:
    body = gzip.compress(b" " * 5_000_000)
    assert len(body) < MAX_JSON_BYTES
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert_problem(await node.request("POST", "/v1/accounts", body, headers), 413, "too_large")


@pytest.mark.parametrize(
    "request_line",
    [
        "POST /v1/accounts HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST /v1/accounts HTTP/1.1\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
        "Content-Length: 4\r\n\r\nabcd",
    ],
)
async def test_bodies_that_cannot_be_read(node: RestNode, request_line: str, caplog: pytest.LogCaptureFixture) -> None:
    head, _, rest = request_line.partition("\r\n")
    answer = await node.exchange(f"{head}\r\nHost: x\r\n{rest}".encode())
    assert b" 400 " in answer
    if b"syncline" in answer:  # aiohttp's parser answers the first one by itself
        assert b"Connection: close" in answer
        assert not [record for record in caplog.records if record.levelname == "ERROR"], "it is no fault of ours"


async def test_a_body_that_does_not_come(node: RestNode, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threat T20: it would hold its connection for ever."""
    monkeypatch.setattr(body_module, "BODY_DEADLINE_S", 0.05)
    head = "POST /v1/accounts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    assert b" 408 " in await node.exchange(head.encode())


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        ";;;",
        "=",
        f"{REFRESH_COOKIE}",
        f"{REFRESH_COOKIE}=",
        f'{REFRESH_COOKIE}="',
        f"{REFRESH_COOKIE}=\\000",
        f"{REFRESH_COOKIE}=a; {REFRESH_COOKIE}=b",
        f"{REFRESH_COOKIE}=" + "x" * 4000,
        f"{REFRESH_COOKIE}=ä",
        "a=[]{}; " * 200,
    ],
)
async def test_cookies_of_no_session(node: RestNode, cookie: str) -> None:
    answer = await node.call("POST", "/v1/token/refresh", headers={"Cookie": cookie, "X-Syncline": "1"})
    assert_problem(answer, 401, "refresh_token_invalid")


async def test_paths_and_methods_that_are_not_there(node: RestNode) -> None:
    for path in ("/v1/", "/v1/nothing", "/v1/me/", "/v1/sessions/x/y", "/.well-known/nothing", "/v1/%00"):
        assert_problem(await node.call("GET", path), 404, "not_found")
    for method, path in (("DELETE", "/v1/me"), ("GET", "/v1/login"), ("TRACE", "/v1/me"), ("PUT", "/v1/sessions")):
        answer = await node.call(method, path)
        assert_problem(answer, 405, "method_not_allowed")
        assert answer.headers["allow"]


@pytest.mark.parametrize(
    "name", ["access_token", "token", "refresh_token", "id_token", "Access_Token", "authorization"]
)
async def test_tokens_do_not_go_into_urls(node: RestNode, name: str) -> None:
    """Threat T2: a URL is kept in logs, histories and Referer headers."""
    ann = await node.person()
    for method, path in (("GET", "/v1/me"), ("POST", "/v1/token/refresh"), ("GET", "/.well-known/jwks.json")):
        for by in (None, ann):
            answer = await node.call(method, f"{path}?{name}={ann.access_token}", by=by)
            assert_problem(answer, 400, "invalid_field")
            assert answer.json["field"] == name.lower()
            assert ann.access_token not in answer.body.decode()


async def test_parameters_that_nobody_takes(node: RestNode) -> None:
    """One that is ignored is one that somebody relies on."""
    ann, admin = await node.person(), await node.person(role=Role.ADMIN)
    for path in ("/v1/me?x=1", "/v1/sessions?user=x", "/v1/state?limit=1"):
        assert_problem(await node.call("GET", path, by=ann), 400, "invalid_field")
    for path in (
        "/v1/users?limit=0",
        "/v1/users?limit=201",
        "/v1/users?limit=x",
        "/v1/users?cursor=%27",
        "/v1/users?a=1",
    ):
        assert_problem(await node.call("GET", path, by=admin), 400, "invalid_field")
    for path in ("/v1/users?limit=1&limit=2", "/v1/audit?subject=%00", "/v1/audit?cursor=a%20b"):
        assert_problem(await node.call("GET", path, by=admin), 400, "invalid_field")


async def test_a_fault_of_ours_says_nothing(node: RestNode, caplog: pytest.LogCaptureFixture) -> None:
    """Threat T28: its text is in the log, under the id that the document carries."""
    ann = await node.person()

    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("SELECT secret FROM users")

    node.platform.accounts.user = fail  # type: ignore[method-assign, assignment]  # a fault
    answer = await node.call("GET", "/v1/me", by=ann)
    assert (answer.status, answer.json["code"]) == (500, "internal")
    assert answer.json.keys() == {"type", "title", "status", "code", "instance"}
    assert b"SELECT" not in answer.body
    [record] = [record for record in caplog.records if record.msg == "request_failed"]
    assert record.__dict__["instance"] == answer.json["instance"]
    assert record.exc_info is not None
