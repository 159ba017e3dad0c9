from __future__ import annotations

import pytest

from settings.paths import KeyPath, is_under, key_of, path_of


@pytest.mark.parametrize(
    ("path", "key"),
    [
        (("client", "insecure"), "client.insecure"),
        (("channel", "namespaces", 2, "name"), "channel.namespaces[2].name"),
        (("client", "allowed_origins", 0), "client.allowed_origins[0]"),
    ],
)
def test_path_and_key_say_the_same(path: KeyPath, key: str) -> None:
    assert key_of(path) == key
    assert path_of(key) == path


def test_is_under_goes_by_steps_not_by_letters() -> None:
    assert is_under("channel.namespaces[2].name", "channel.namespaces[2]")
    assert is_under("channel.namespaces[2].name", "channel")
    assert is_under("channel", "channel")
    assert not is_under("channel.namespaces[20].name", "channel.namespaces[2]")
    assert not is_under("channels", "channel")
    assert is_under("anything", "")
