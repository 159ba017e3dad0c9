"""How many examples hypothesis tries where the usual number is not right."""

from __future__ import annotations

from hypothesis import settings

_PROFILE_FACTOR = settings().max_examples / settings.get_profile("default").max_examples


def examples(usually: int) -> int:
    """So many, times what the loaded profile asks for."""
    return int(usually * _PROFILE_FACTOR)
