"""Who is calling, behind proxies (threat T24): a table of spoofs, and a property."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.rest.client_address import ClientAddresses, parsed_address
from tests.unit.api.rest.requests import request

FORWARDED = "X-Forwarded-For"


@pytest.mark.parametrize(
    ("peer", "headers", "address"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", [(FORWARDED, "203.0.113.1")], "192.0.2.1"),  # not trusted: its word is nothing
        ("10.0.0.1", [(FORWARDED, "203.0.113.1")], "203.0.113.1"),
        ("10.0.0.1", [(FORWARDED, "1.1.1.1, 203.0.113.1")], "203.0.113.1"),  # what stands left is the client's word
        ("10.0.0.1", [(FORWARDED, "1.1.1.1"), (FORWARDED, "203.0.113.1")], "203.0.113.1"),
        ("10.0.0.1", [(FORWARDED, "203.0.113.1, 10.0.0.2")], "203.0.113.1"),  # two of our own in a row
        ("10.0.0.1", [(FORWARDED, "10.0.0.3, 10.0.0.2")], "10.0.0.3"),  # all are ours: the farthest
        ("10.0.0.1", [(FORWARDED, "")], "10.0.0.1"),
        ("10.0.0.1", [(FORWARDED, "unknown")], "10.0.0.1"),
        ("10.0.0.1", [(FORWARDED, "203.0.113.1, _hidden, 10.0.0.2")], "10.0.0.2"),
        ("10.0.0.1", [(FORWARDED, "203.0.113.1:443")], "203.0.113.1"),
        ("10.0.0.1", [(FORWARDED, "[2001:db8::1]:443")], "2001:db8::1"),
        ("10.0.0.1", [(FORWARDED, "2001:db8::1")], "2001:db8::1"),
        ("10.0.0.1", [(FORWARDED, "::ffff:203.0.113.1")], "203.0.113.1"),
        ("::ffff:10.0.0.1", [(FORWARDED, "203.0.113.1")], "203.0.113.1"),
        ("fe80::1%eth0", [], "fe80::1"),
        ("10.0.0.1", [("Forwarded", "for=203.0.113.1"), ("X-Real-IP", "203.0.113.1")], "10.0.0.1"),
        ("", [(FORWARDED, "203.0.113.1")], ""),
    ],
)
def test_table(peer: str, headers: list[tuple[str, str]], address: str) -> None:
    assert ClientAddresses(["10.0.0.0/8"]).of(request(headers, peer=peer)) == address


@given(st.lists(st.text(alphabet="0123456789.:, af%[]", max_size=30), max_size=4))
def test_without_trusted_proxies_nothing_sent_counts(values: list[str]) -> None:
    headers = [(FORWARDED, value) for value in values]
    assert ClientAddresses([]).of(request(headers)) == "192.0.2.1"


@given(st.lists(st.ip_addresses(), max_size=5), st.ip_addresses())
def test_the_last_hop_before_the_proxy_is_never_overruled(forged: list[object], client: object) -> None:
    """Whatever the client writes in front, it stays the address that our proxy has seen."""
    address = parsed_address(str(client))
    assert address is not None
    if address in ipaddress.ip_network("10.0.0.0/8"):
        return
    headers = [(FORWARDED, ", ".join(map(str, [*forged, client])))]
    assert ClientAddresses(["10.0.0.0/8"]).of(request(headers, peer="10.0.0.1")) == str(address)


@pytest.mark.parametrize(
    ("peer", "proto", "is_https"),
    [
        ("192.0.2.1", "https", False),
        ("10.0.0.1", "https", True),
        ("10.0.0.1", "HTTPS", True),
        ("10.0.0.1", "http", False),
        ("10.0.0.1", "https, http", False),
        ("10.0.0.1", "", False),
    ],
)
def test_https(peer: str, proto: str, is_https: bool) -> None:
    found = ClientAddresses(["10.0.0.0/8"]).is_https(request([("X-Forwarded-Proto", proto)], peer=peer))
    assert found is is_https
