"""What `--dev` sets: whatever makes a fresh checkout useful on one machine. Anything configured wins over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from settings.server_model import HttpServerSettings
from settings.sources import MISSING, Source, Tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from settings.dev_secrets import DevSecrets

DEMO_NAMESPACE: Final = "demo"
LOCAL_HOSTS: Final = ("localhost", "127.0.0.1", "[::1]")

_DEMO_OPTIONS: Final[Tree] = {
    "name": DEMO_NAMESPACE,
    "allow_user_limited_channels": True,  # `demo:notices#<user>`
    "force_recovery": True,
    "force_positioning": True,
    "history_size": 100,
    "history_ttl": "300s",
    "allow_history_for_subscriber": True,
}
_NAMESPACES: Final = ("channel", "namespaces")
_VALUES: Final[dict[tuple[str, ...], Any]] = {
    ("client", "subscribe_to_user_personal_channel", "enabled"): True,
    ("client", "connect_include_server_time"): True,
    ("rpc", "ping", "enabled"): True,
    ("health", "enabled"): True,
    ("accounts", "enabled"): True,
    ("accounts", "throttle", "register_address", "burst"): 1_000,  # each tab of the demo makes an account
    ("prometheus", "enabled"): True,
    ("opentelemetry", "enabled"): True,
    ("opentelemetry", "sample_ratio"): 1.0,
    ("shutdown", "drain_window"): "1s",  # Ctrl-C should not take ten seconds
    ("log", "level"): "debug",
    ("log", "format"): "console",
}


def dev_profile(secrets: DevSecrets, above: Sequence[Source]) -> Source:
    """The lowest source of a development server.

    Args:
        above: what was configured. The demo namespace joins the list in effect there, unless it holds one of that name.
    """
    source = Source("dev profile")
    for path, value in _VALUES.items():
        source.put(path, value)
    source.put(("client", "token", "hmac_secret_key"), SecretStr(secrets.hmac_secret_key))
    source.put(("accounts", "secret_key"), SecretStr(secrets.accounts_secret_key))
    source.put(("http_api", "key"), SecretStr(secrets.http_api_key))
    if not _is_off(("accounts", "enabled"), above):
        source.put(("console", "enabled"), True)  # elsewhere nobody could log in to it
    source.put(("client", "allowed_origins"), _own_origins(_configured(("http_server", "port"), above)))
    _add_demo_namespace(source, above)
    return source


def _own_origins(port: object) -> list[str]:
    """The origins of pages that this server serves to the machine it runs on."""
    shown = HttpServerSettings().port if port is MISSING else port
    return [f"http://{host}:{shown if str(shown) != '0' else '*'}" for host in LOCAL_HOSTS]


def _add_demo_namespace(source: Source, above: Sequence[Source]) -> None:
    configured = _configured(_NAMESPACES, above)
    if configured is MISSING:
        source.put(_NAMESPACES, [dict(_DEMO_OPTIONS)])
    elif isinstance(configured, list) and not any(_is_demo(item) for item in configured):
        configured.append(dict(_DEMO_OPTIONS))


def _is_demo(namespace: object) -> bool:
    return isinstance(namespace, dict) and namespace.get("name") == DEMO_NAMESPACE


def _is_off(path: tuple[str, ...], above: Sequence[Source]) -> bool:
    """As a file or the environment says it."""
    return str(_configured(path, above)).lower() in {"false", "0", "no", "off"}


def _configured(path: tuple[str, ...], sources: Sequence[Source]) -> object:
    return next((value for source in sources if (value := source.get(path)) is not MISSING), MISSING)
