"""The settings as they are in force, for operators to read: where each came from, and nothing that is secret."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, SecretStr

from observability.masking import mask_text
from services.operations.views import SettingView
from settings.duration import format_duration
from settings.options import all_options

if TYPE_CHECKING:
    from settings.loading import LoadedSettings
    from settings.options import Option

MASKED: Final = "********"
"""What stands for a secret that is set; how long it is nobody learns."""

DEFAULT: Final = "default"


def settings_in_force(loaded: LoadedSettings) -> tuple[SettingView, ...]:
    """Every option, in the order of the reference."""
    return tuple(_view(option, loaded) for option in all_options().values())


def _view(option: Option, loaded: LoadedSettings) -> SettingView:
    value: Any = loaded.settings
    for name in option.path:
        value = getattr(value, name)
    return SettingView(
        key=option.key,
        value=_text(value, option.shape.name),
        default=_text(option.default, option.shape.name),
        source=loaded.origins.get(option.key, DEFAULT),
        description=option.description,
    )


def _text(value: Any, shape_name: str) -> str:
    if shape_name == "duration":
        return format_duration(value)
    shown = _shown(value)
    return mask_text(shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False))


def _shown(value: Any) -> Any:
    """What JSON knows, secrets masked at any depth."""
    if isinstance(value, SecretStr):
        return MASKED if value.get_secret_value() else ""
    if isinstance(value, BaseModel):
        return {name: _shown(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, list | tuple):
        return [_shown(item) for item in value]
    if isinstance(value, dict):
        return {name: _shown(item) for name, item in value.items()}
    return value
