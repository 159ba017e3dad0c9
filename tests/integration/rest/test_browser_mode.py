"""Cookies, CSRF and CORS: what a page may do with its visitor's session (threats T8, T26)."""

from __future__ import annotations

import pytest

from api.rest.cookies import REFRESH_COOKIE
from storage.config import StorageConfig
from tests.support.api_client import Answer
from tests.support.rest_node import GUARD, PAGE, RestNode, limited, rest_node

EVIL = [
    "https://evil.example",
    "null",
    "https://app.example.com.evil.example",
    "https://evil.app.example.com",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://app.example.com/",
    "https://app.example.com@evil.example",
    "https://xapp.example.com",
    "https://app-example.com",
    "file://",
    "",
]


def cookie_of(answer: Answer) -> str:
    """The cookie's value, after its attributes have been looked at: all of them, on every Set-Cookie."""
    header = answer.headers["set-cookie"]
    pair, *attributes = [part.strip() for part in header.split(";")]
    name, _, value = pair.partition("=")
    assert name == REFRESH_COOKIE == "__Host-syncline-refresh"
    lower = {attribute.partition("=")[0].lower(): attribute.partition("=")[2] for attribute in attributes}
    assert lower.keys() == {"httponly", "secure", "samesite", "path", "max-age"}, "and no Domain"
    assert (lower["samesite"], lower["path"]) == ("Strict", "/")
    return value.strip('"')


async def logged_in(node: RestNode) -> str:
    await node.person("ann@example.com")
    return cookie_of(await node.cookie_log_in("ann@example.com"))


def sending(cookie: str, **headers: str) -> dict[str, str]:
    return {"Cookie": f"{REFRESH_COOKIE}={cookie}", **{name.replace("_", "-"): text for name, text in headers.items()}}


async def test_log_in_refresh_and_log_out(node: RestNode) -> None:
    await node.person("ann@example.com")
    answer = await node.cookie_log_in("ann@example.com")
    assert answer.status == 200
    assert "refresh_token" not in answer.json
    first = cookie_of(answer)
    assert first not in answer.body.decode()
    answer = await node.call("POST", "/v1/token/refresh", headers=sending(first, **{"X_Syncline": "1"}))
    assert answer.status == 200
    second = cookie_of(answer)
    assert second not in {first, ""}
    assert "refresh_token" not in answer.json
    answer = await node.call("POST", "/v1/logout", headers=sending(second, **{"X_Syncline": "1"}))
    assert (answer.status, cookie_of(answer)) == (204, "")
    assert "Max-Age=0" in answer.headers["set-cookie"]
    answer = await node.call("POST", "/v1/token/refresh", headers=sending(second, **{"X_Syncline": "1"}))
    assert (answer.status, answer.json["code"]) == (401, "refresh_token_invalid")


@pytest.mark.parametrize("named", ["", "its-own", "of-a-frontend-of-another-origin"])
async def test_the_browser_is_the_device(node: RestNode, named: str) -> None:
    """Tabs that refresh at once get the same successor, and frontends of other origins that share the cookie."""
    await node.person("ann@example.com")
    answer = await node.cookie_log_in("ann@example.com")
    own = answer.json["session"]["device_id"]
    headers, body = sending(cookie_of(answer), X_Syncline="1"), {"device_id": own if named == "its-own" else named}
    first = await node.call("POST", "/v1/token/refresh", body if named else None, headers=headers)
    assert (first.status, "refresh_token" in first.json) == (200, False)
    again = await node.call("POST", "/v1/token/refresh", body if named else None, headers=headers)
    assert (again.status, cookie_of(again)) == (200, cookie_of(first))


async def test_the_cookie_lives_as_long_as_the_session(node: RestNode) -> None:
    await node.person("ann@example.com")
    answer = await node.cookie_log_in("ann@example.com")
    session = answer.json["session"]
    life_s = (session["expires_at"] - session["created_at"]) / 1000
    max_age_s = int(answer.headers["set-cookie"].partition("Max-Age=")[2].partition(";")[0])
    assert life_s - 60 < max_age_s <= life_s


async def test_nothing_else_sets_a_cookie(node: RestNode) -> None:
    ann = await node.person()
    assert "set-cookie" not in (await node.call("GET", "/v1/me", by=ann)).headers
    refreshed = await node.call("POST", "/v1/token/refresh", {"refresh_token": ann.refresh_token})
    assert "set-cookie" not in refreshed.headers


@pytest.mark.parametrize("path", ["/v1/token/refresh", "/v1/logout"])
async def test_the_cookie_alone_is_not_enough(node: RestNode, path: str) -> None:
    """A form of any page sends the cookie, but cannot send the header."""
    cookie = await logged_in(node)
    for guard in (None, "", "0", "true"):
        headers = sending(cookie) if guard is None else sending(cookie, X_Syncline=guard)
        answer = await node.call("POST", path, headers={**headers, "Origin": PAGE})
        assert (answer.status, answer.json["code"]) == (403, "csrf"), guard
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/v1/token/refresh", "/v1/logout"])
@pytest.mark.parametrize("origin", EVIL)
async def test_foreign_pages_cannot_use_the_cookie(node: RestNode, path: str, origin: str) -> None:
    cookie = await logged_in(node)
    answer = await node.call("POST", path, headers=sending(cookie, X_Syncline="1", Origin=origin))
    assert (answer.status, answer.json["code"]) == (403, "foreign_origin")
    assert "access-control-allow-origin" not in answer.headers
    assert (await node.call("POST", "/v1/token/refresh", headers=sending(cookie, X_Syncline="1"))).status == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_foreign_pages_without_an_origin_header(node: RestNode, site: str) -> None:
    cookie = await logged_in(node)
    headers = sending(cookie, X_Syncline="1", Sec_Fetch_Site=site)
    answer = await node.call("POST", "/v1/token/refresh", headers=headers)
    assert (answer.status, answer.json["code"]) == (403, "foreign_origin")


async def test_pages_that_may(node: RestNode) -> None:
    cookie = await logged_in(node)
    for origin, site in ((PAGE, "cross-site"), (node.http_url, "same-origin"), (node.http_url, "same-site")):
        headers = sending(cookie, X_Syncline="1", Origin=origin, Sec_Fetch_Site=site)
        answer = await node.call("POST", "/v1/token/refresh", headers=headers)
        assert answer.status == 200, origin
        cookie = cookie_of(answer)


@pytest.mark.parametrize("headers", [{}, {**GUARD, "Origin": "https://evil.example"}, {"Origin": PAGE}])
async def test_no_page_logs_its_visitor_in_to_its_own_account(node: RestNode, headers: dict[str, str]) -> None:
    """Log-in CSRF: whoever then believes to be itself would work in the attacker's account."""
    await node.person("eve@example.com")
    answer = await node.cookie_log_in("eve@example.com", headers)
    assert (answer.status, answer.json["code"] in {"csrf", "foreign_origin"}) == (403, True)
    assert "set-cookie" not in answer.headers


async def test_a_log_in_that_no_form_can_send(node: RestNode) -> None:
    """Forms send three media types; none of them is taken."""
    for media_type in ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain"):
        for path in ("/v1/login", "/v1/accounts", "/v1/login/external"):
            answer = await node.request("POST", path, b"{}", {"Content-Type": media_type})
            assert answer.status == 415, path


async def test_a_bearer_token_needs_no_guard(node: RestNode) -> None:
    ann = await node.person()
    assert (await node.call("POST", "/v1/logout", by=ann, headers={"Origin": "https://evil.example"})).status == 204


async def test_a_cookie_opens_nothing_but_refresh_and_log_out(node: RestNode) -> None:
    cookie = await logged_in(node)
    for method, path in (("GET", "/v1/me"), ("GET", "/v1/sessions"), ("POST", "/v1/sessions/revoke-all")):
        assert (await node.call(method, path, headers=sending(cookie, X_Syncline="1"))).status == 401


# --- CORS -------------------------------------------------------------------------------------------------------------


async def preflight(node: RestNode, origin: str, path: str = "/v1/me", method: str = "PATCH") -> Answer:
    return await node.request("OPTIONS", path, None, {"Origin": origin, "Access-Control-Request-Method": method})


async def test_a_named_page_may_read(node: RestNode) -> None:
    ann = await node.person()
    for path, status in (("/v1/me", 200), ("/v1/nothing", 404), ("/v1/users", 403)):
        answer = await node.call("GET", path, by=ann, headers={"Origin": PAGE})
        assert answer.status == status
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert "etag" in answer.headers["access-control-expose-headers"].lower()
        assert "Origin" in answer.headers["vary"]


async def test_preflight_of_a_named_page(node: RestNode) -> None:
    answer = await preflight(node, PAGE)
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert {"PUT", "PATCH", "DELETE"} <= set(answer.headers["access-control-allow-methods"].split(", "))
    allowed = answer.headers["access-control-allow-headers"].lower().split(", ")
    assert {"authorization", "content-type", "x-syncline", "idempotency-key", "if-match"} <= set(allowed)
    assert {"traceparent", "tracestate"} <= set(allowed)


@pytest.mark.parametrize("origin", EVIL)
async def test_no_other_page_may(node: RestNode, origin: str) -> None:
    answers = [await preflight(node, origin), await node.call("GET", "/v1/me", headers={"Origin": origin})]
    for answer in answers:
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert "Origin" in answer.headers["vary"], "or a cache would hand one page's answer to another"


async def test_any_page_may_read_with_a_token_where_that_is_configured(embedded: StorageConfig) -> None:
    """But none with the cookie: the browser then sends it in the name of whoever looks at the page."""
    async with rest_node(embedded, rest=limited(allowed_origins=("*",))) as node:
        cookie = await logged_in(node)
        answer = await preflight(node, "https://any.example")
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
        headers = sending(cookie, X_Syncline="1", Origin="https://any.example")
        answer = await node.call("POST", "/v1/token/refresh", headers=headers)
        assert (answer.status, answer.json["code"]) == (403, "foreign_origin")


async def test_the_keys_are_for_everybody(node: RestNode) -> None:
    answer = await node.call("GET", "/.well-known/jwks.json", headers={"Origin": "https://any.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
