from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.channels import (
    MAX_KNOWN,
    Channels,
    is_listed,
    is_private,
    is_user_limited,
    namespace_of,
    personal_channel,
)
from hub.config import ChannelConfig, ChannelOptions
from hub.errors import Disconnected, ReplyError
from hub.protocol.codes import BAD_REQUEST, BAD_REQUEST_DISCONNECT, UNKNOWN_CHANNEL, ErrorCode

PLAIN = ChannelOptions(history_size=1)
CHAT = ChannelOptions(history_size=2)
CODED = ChannelOptions(history_size=3, channel_regex="^[a-zé]+$")
CONFIG = ChannelConfig(without_namespace=PLAIN, namespaces={"chat": CHAT, "coded": CODED}, max_length_bytes=20)


@pytest.mark.parametrize(
    ("channel", "namespace"),
    [
        ("news", ""),
        ("", ""),
        ("chat:room", "chat"),
        ("chat:room:1", "chat"),
        ("chat:", "chat"),
        (":room", ""),
        ("$private", ""),
        ("$chat:room", "chat"),
        ("$$chat:room", "$chat"),
        ("#42", ""),
        ("chat:#42", "chat"),
        ("room$chat:x", "room$chat"),
        ("dialog#4:2", "dialog#4"),
    ],
)
def test_the_namespace_is_what_precedes_the_first_colon(channel: str, namespace: str) -> None:
    assert namespace_of(channel) == namespace


@pytest.mark.parametrize(
    ("channel", "expected"), [("$x", True), ("$", True), ("x$", False), ("", False), ("a:$x", False)]
)
def test_private_channels_begin_with_a_dollar(channel: str, expected: bool) -> None:
    assert is_private(channel) == expected


@pytest.mark.parametrize(
    ("channel", "user", "expected"),
    [
        ("#42", "42", True),
        ("#42", "4", False),
        ("#42", "", False),
        ("dialog#42,43", "42", True),
        ("dialog#42,43", "43", True),
        ("dialog#42,43", "42,43", False),
        ("a#1#42", "42", True),
        ("a#1#42", "1", False),
        ("dialog#", "", True),
        ("news", "news", False),
        ("news", "", False),
    ],
)
def test_the_users_are_listed_behind_the_last_hash(channel: str, user: str, expected: bool) -> None:
    assert is_listed(user, channel) == expected


@given(st.text(), st.text())
def test_nobody_is_listed_in_a_channel_that_is_not_limited(user: str, channel: str) -> None:
    assert is_user_limited(channel) == ("#" in channel)
    assert is_user_limited(channel) or not is_listed(user, channel)


@pytest.mark.parametrize(("namespace", "expected"), [("", "#42"), ("me", "me:#42")])
def test_a_personal_channel_is_its_users(namespace: str, expected: str) -> None:
    channel = personal_channel("42", namespace)
    assert channel == expected
    assert is_listed("42", channel)
    assert namespace_of(channel) == namespace


@pytest.mark.parametrize(
    ("channel", "options"),
    [
        ("news", PLAIN),
        ("$news", PLAIN),
        ("#42", PLAIN),
        (":x", PLAIN),
        ("chat:room", CHAT),
        ("chat:", CHAT),
        ("$chat:room", CHAT),
        ("coded:abc", CODED),
        ("coded:é", CODED),
        ("$coded:abc", CODED),
        ("x" * 20, PLAIN),
    ],
)
def test_a_channel_has_the_options_of_its_namespace(channel: str, options: ChannelOptions) -> None:
    channels = Channels(CONFIG)
    assert channels.options(channel) is options
    assert channels.client_options(channel) is options
    assert channels.client_options(channel) is options, "remembered"


@pytest.mark.parametrize(
    ("channel", "error"),
    [
        ("x" * 21, BAD_REQUEST),
        ("coded:" + "é" * 8, BAD_REQUEST),  # 22 bytes in 14 characters
        ("é", BAD_REQUEST),
        ("chat:é", BAD_REQUEST),
        ("coded:A", BAD_REQUEST),
        ("coded:", BAD_REQUEST),
        ("coded:coded:a", BAD_REQUEST),
        ("nowhere:x", UNKNOWN_CHANNEL),
        ("$nowhere:x", UNKNOWN_CHANNEL),
        ("Chat:x", UNKNOWN_CHANNEL),
        ("chat\n:x", UNKNOWN_CHANNEL),
    ],
)
def test_names_that_clients_cannot_use(channel: str, error: ErrorCode) -> None:
    channels = Channels(CONFIG)
    for _ in range(2):
        with pytest.raises(ReplyError) as refusal:
            channels.client_options(channel)
        assert refusal.value.error is error


@pytest.mark.parametrize("channel", ["x" * 300, "é", "#" + "é" * 300, "chat:é", "coded:A", "coded:"])
def test_a_backend_may_use_any_name_of_a_namespace_that_exists(channel: str) -> None:
    channels = Channels(CONFIG)
    expected = {"": PLAIN, "chat": CHAT, "coded": CODED}[namespace_of(channel)]
    assert channels.options(channel) is expected
    with pytest.raises(ReplyError):
        channels.client_options(channel)


@pytest.mark.parametrize(
    ("channel", "error"), [("", BAD_REQUEST), ("nowhere:x", UNKNOWN_CHANNEL), ("$nowhere:x", UNKNOWN_CHANNEL)]
)
def test_names_that_nobody_can_use(channel: str, error: ErrorCode) -> None:
    with pytest.raises(ReplyError) as refusal:
        Channels(CONFIG).options(channel)
    assert refusal.value.error is error


def test_trap_13_an_unknown_namespace_is_error_102() -> None:
    with pytest.raises(ReplyError) as refusal:
        Channels(CONFIG).client_options("nowhere:x")
    assert refusal.value.error.code == 102


def test_a_client_that_names_no_channel_breaks_the_protocol() -> None:
    with pytest.raises(Disconnected) as violation:
        Channels(CONFIG).client_options("")
    assert violation.value.disconnect is BAD_REQUEST_DISCONNECT


def test_a_regex_decides_alone_for_the_channels_without_namespace_too() -> None:
    channels = Channels(ChannelConfig(without_namespace=ChannelOptions(channel_regex="^ß+$")))
    assert channels.client_options("ß") is channels.client_options("$ß")
    with pytest.raises(ReplyError):
        channels.client_options("news")


def test_the_number_of_remembered_names_is_bounded() -> None:
    channels = Channels(ChannelConfig())
    for number in range(2 * MAX_KNOWN + 1):
        channels.client_options(f"news{number}")
        assert len(channels._known) <= MAX_KNOWN
    assert channels.client_options("news0") is channels.client_options("news1")


def test_the_meta_ttl_is_the_namespaces_or_the_global_one() -> None:
    channels = Channels(ChannelConfig(history_meta_ttl_s=100))
    assert channels.history_meta_ttl_s(ChannelOptions()) == 100
    assert channels.history_meta_ttl_s(ChannelOptions(history_meta_ttl_s=7)) == 7
