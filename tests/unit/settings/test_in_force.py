from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.operations.views import SettingView
from settings.in_force import DEFAULT, MASKED, settings_in_force
from settings.options import all_options
from tests.unit.settings.conftest import Load

PLANTED = "planted-Secret-0123456789abcdef-0123456789"


def in_force(load: Load, tree: dict[str, Any] | None = None, **options: Any) -> dict[str, SettingView]:
    return {view.key: view for view in settings_in_force(load(tree, **options))}


def test_every_option_is_there_with_its_description(load: Load) -> None:
    views = in_force(load)
    assert list(views) == list(all_options())
    assert all(view.description for view in views.values())
    assert all(view.source == DEFAULT for view in views.values())
    assert all(view.value == view.default for view in views.values())


def test_values_are_written_as_in_a_file(load: Load) -> None:
    tree = {
        "http_server": {"port": 8001},
        "client": {"ping_interval": "10s", "allowed_origins": ["https://a", "https://b"], "insecure": True},
        "node": {"name": "a"},
    }
    views = in_force(load, tree)
    shown = {key: views[key].value for key in ("http_server.port", "client.ping_interval", "client.insecure")}
    assert shown == {"http_server.port": "8001", "client.ping_interval": "10s", "client.insecure": "true"}
    assert views["client.allowed_origins"].value == '["https://a", "https://b"]'
    assert (views["node.name"].value, views["node.name"].default) == ("a", "")
    assert views["client.ping_interval"].default == "25s"


def test_it_tells_where_a_value_came_from(load: Load) -> None:
    views = in_force(load, env={"SYNCLINE_NODE__NAME": "a"}, flags={"http_server.port": 1})
    assert "SYNCLINE_NODE__NAME" in views["node.name"].source
    assert views["http_server.port"].source == "flag"


@pytest.mark.parametrize("key", [key for key, option in all_options().items() if option.is_secret])
def test_a_secret_is_never_told(load: Load, key: str) -> None:
    # An old secret needs a present one.
    tree: dict[str, Any] = {"client": {"token": {"hmac_secret_key": "h" * 40}}, "accounts": {"secret_key": "a" * 40}}
    node = tree
    *above, last = key.split(".")
    for step in above:
        node = node.setdefault(step, {})
    value = {"sentry.dsn": f"https://{PLANTED}@sentry.example.com/1", "database.url": f"postgresql://u:{PLANTED}@h/d"}
    node[last] = value.get(key, PLANTED)
    views = in_force(load, tree)
    assert views[key].value == MASKED
    assert views[key].default == ""
    assert PLANTED not in msgspec.json.encode(list(views.values())).decode()


def test_nor_one_further_down(load: Load) -> None:
    consumer = {
        "name": "orders",
        "type": "rabbitmq",
        "rabbitmq": {"url": f"amqp://guest:{PLANTED}@broker", "queue": "orders"},
        "routes": [{"channels": ["orders"]}],
    }
    tree = {"consumers": [consumer], "engine": {"redis": {"address": [f"redis://:{PLANTED}@h:1/0"]}}}
    views = in_force(load, tree)
    assert PLANTED not in msgspec.json.encode(list(views.values())).decode()
    assert "orders" in views["consumers"].value
