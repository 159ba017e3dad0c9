"""Every failure has one document, and it says no more than it should (threats T15, T28)."""

from __future__ import annotations

import json
import logging

import pytest
from aiohttp import web

from api.rest.problem import problem_of
from hub.errors import EngineUnavailable
from hub.tokens.claims import KeysUnavailable
from sessions.refusal import Kind, Refusal
from storage.database import StorageUnavailable


def document(exc: Exception) -> dict[str, object]:
    response = problem_of(exc)
    assert response.content_type == "application/problem+json"
    assert isinstance(response.body, bytes)
    read: dict[str, object] = json.loads(response.body)
    assert read["status"] == response.status
    assert read["type"] == "about:blank"
    return read


@pytest.mark.parametrize("kind", Kind)
def test_a_refusal_of_every_kind(kind: Kind) -> None:
    refusal = Refusal(kind, "some_code", "a sentence", "some.field", extra={"current": {"version": 7}})
    assert document(refusal) == {
        "type": "about:blank",
        "title": document(refusal)["title"],
        "status": kind.value,
        "code": "some_code",
        "detail": "a sentence",
        "field": "some.field",
        "current": {"version": 7},
    }


def test_a_refusal_that_says_little() -> None:
    assert document(Refusal(Kind.NOT_FOUND, "not_found")).keys() == {"type", "title", "status", "code"}


def test_extra_members_cannot_replace_the_standard_ones() -> None:
    assert document(Refusal(Kind.CONFLICT, "c", extra={"status": 200, "code": "x"}))["status"] == 409


@pytest.mark.parametrize(("seconds", "header"), [(0.1, "1"), (1, "1"), (1.5, "2"), (60, "60")])
def test_retry_after_is_in_whole_seconds_and_not_too_early(seconds: float, header: str) -> None:
    response = problem_of(Refusal(Kind.LIMITED, "too_many_attempts", retry_after_s=seconds))
    assert response.headers["Retry-After"] == header


def test_who_is_not_authenticated_is_told_how() -> None:
    assert problem_of(Refusal(Kind.UNAUTHORIZED, "unauthorized")).headers["WWW-Authenticate"] == "Bearer"
    assert "WWW-Authenticate" not in problem_of(Refusal(Kind.FORBIDDEN, "forbidden")).headers


@pytest.mark.parametrize("failure", [StorageUnavailable, EngineUnavailable, KeysUnavailable, TimeoutError])
def test_what_does_not_answer(failure: type[Exception]) -> None:
    response = problem_of(failure("host db.internal refused user=syncline"))
    assert (response.status, response.headers["Retry-After"]) == (503, "1")
    assert document(failure("secret")).keys() == {"type", "title", "status", "code"}


@pytest.mark.parametrize(
    ("exc", "status", "code"),
    [
        (web.HTTPNotFound(text="x"), 404, "not_found"),
        (web.HTTPMethodNotAllowed("PUT", ["GET"]), 405, "method_not_allowed"),
        (web.HTTPRequestTimeout(), 408, "request_timeout"),
        (web.HTTPRequestEntityTooLarge(1, 2), 413, "too_large"),
        (web.HTTPUnsupportedMediaType(), 415, "unsupported_media_type"),
        (web.HTTPExpectationFailed(), 417, "expectation_failed"),
        (web.HTTPBadRequest(reason="x"), 400, "invalid_request"),
        (web.HTTPUpgradeRequired(), 426, "invalid_request"),
    ],
)
def test_what_the_http_layer_refuses(exc: web.HTTPException, status: int, code: str) -> None:
    assert (document(exc)["status"], document(exc)["code"]) == (status, code)


def test_allowed_methods_are_kept() -> None:
    assert problem_of(web.HTTPMethodNotAllowed("PUT", ["GET"])).headers["Allow"] == "GET"


def test_a_fault_of_ours_is_logged_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        told = document(ValueError("password=hunter2"))
    assert told.keys() == {"type", "title", "status", "code", "instance"}
    assert (told["status"], told["code"]) == (500, "internal")
    [record] = caplog.records
    assert record.__dict__["instance"] == told["instance"]
    assert "hunter2" in caplog.text
