from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from api.admission import Admission
from api.config import WebSocketConfig
from tests.support.clock import FakeClock


def admission_of(**config: Any) -> tuple[Admission, FakeClock]:
    clock = FakeClock()
    return Admission(WebSocketConfig(**config), clock), clock


def request_of(*origins: str) -> web.Request:
    headers = CIMultiDict[str]()
    for origin in origins:
        headers.add("Origin", origin)
    return make_mocked_request("GET", "/connection/websocket", headers)


def refused(admission: Admission, *origins: str) -> web.HTTPException:
    """Why a newcomer is refused."""
    with pytest.raises(web.HTTPException) as refusal:
        admission.enter(request_of(*origins))
    return refusal.value


def test_places_are_taken_and_given_back() -> None:
    admission, _ = admission_of(connection_limit=2)
    for _ in range(2):
        admission.enter(request_of())
    refusal = refused(admission)
    assert (refusal.status, refusal.text, refusal.headers["Retry-After"]) == (503, "connection limit", "1")
    assert (admission.num_open, admission.num_refused) == (2, 1)
    admission.leave()
    admission.enter(request_of())
    assert admission.num_open == 2


def test_without_a_limit_there_is_room_for_all() -> None:
    admission, _ = admission_of()
    for _ in range(5_000):
        admission.enter(request_of())
    assert (admission.num_open, admission.num_refused) == (5_000, 0)


def test_a_page_that_is_not_allowed_is_403_and_takes_no_place() -> None:
    admission, _ = admission_of(allowed_origins=("https://a.com",), connection_limit=1)
    assert refused(admission, "https://b.com").status == 403
    assert refused(admission, "https://a.com", "https://a.com").status == 403
    admission.enter(request_of("https://a.com"))
    assert (admission.num_open, admission.num_refused) == (1, 2)


def test_too_many_at_once_are_told_when_to_come_back() -> None:
    admission, clock = admission_of(connection_rate_limit_per_s=2)
    for _ in range(2):
        admission.enter(request_of())
    refusal = refused(admission)
    assert (refusal.status, refusal.text) == (503, "connection rate limit")
    clock.advance(int(refusal.headers["Retry-After"]))
    admission.enter(request_of())


def test_a_rate_below_one_lets_one_in_at_a_time() -> None:
    admission, clock = admission_of(connection_rate_limit_per_s=0.25)
    admission.enter(request_of())
    assert refused(admission).headers["Retry-After"] == "5"
    clock.advance(4)
    admission.enter(request_of())


def test_a_draining_node_takes_nobody() -> None:
    admission, _ = admission_of()
    admission.enter(request_of())
    admission.close()
    refusal = refused(admission)
    assert (refusal.status, refusal.text, refusal.headers["Retry-After"]) == (503, "draining", "1")
    assert admission.num_open == 1


def test_a_refused_page_does_not_use_the_rate_up() -> None:
    admission, _ = admission_of(connection_rate_limit_per_s=1)
    for _ in range(5):
        assert refused(admission, "https://evil.com").status == 403
    admission.enter(request_of())
