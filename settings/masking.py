"""Secrets in what a source has read, put into the form in which nothing prints them by accident."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from settings.model import Settings
from settings.options import item_section_of, section_of, shape_name_of

if TYPE_CHECKING:
    from pydantic import BaseModel

    from settings.sources import Tree


def mask_secrets(tree: Tree, model: type[BaseModel] = Settings) -> None:
    """Wrap every secret of a tree whose structure has been checked; what is no text is left for the validation."""
    for name, field in model.model_fields.items():
        if name not in tree:
            continue
        value, section, item_section = tree[name], section_of(field), item_section_of(field)
        if section is not None and isinstance(value, dict):
            mask_secrets(value, section)
        elif item_section is not None and isinstance(value, list):
            for item in value:
                mask_secrets(item, item_section)
        elif section is None and item_section is None:
            tree[name] = _masked(value, shape_name_of(field))


def _masked(value: Any, shape_name: str) -> Any:
    if shape_name == "secret" and isinstance(value, str):
        return SecretStr(value)
    if shape_name == "list of secrets" and isinstance(value, list):
        return [SecretStr(item) if isinstance(item, str) else item for item in value]
    return value
