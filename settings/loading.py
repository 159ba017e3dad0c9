"""From flags, environment and file to Settings, or to everything that is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from settings.config_file import read_config_file
from settings.dev_profile import dev_profile
from settings.environment import read_environment
from settings.inspection import Inspection
from settings.options import all_options
from settings.paths import path_of
from settings.problems import Problem, SettingsError
from settings.rules import accounts, channel, client, consumer, identity_provider, redis, server, sink, token
from settings.sources import Source, origin_of
from settings.structure import check_structure
from settings.validation import validated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from settings.dev_secrets import DevSecrets
    from settings.model import Settings
    from settings.rules.finding import Finding, Rule

_RULES: Final = (
    *channel.RULES,
    *client.RULES,
    *token.RULES,
    *server.RULES,
    *accounts.RULES,
    *identity_provider.RULES,
    *redis.RULES,
    *consumer.RULES,
    *sink.RULES,
)
_NEEDED_TO_SERVE: Final = (*token.NEEDED_TO_SERVE, *server.NEEDED_TO_SERVE, *accounts.NEEDED_TO_SERVE)


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """A configuration that can be used.

    Attributes:
        settings: checked, in effect.
        warnings: what the operator should know although the server can run.
        origins: where each value that is not a default came from, by key.
    """

    settings: Settings
    warnings: tuple[Problem, ...]
    origins: Mapping[str, str]


def load_settings(
    *,
    config_file: Path | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, object],
    allow_unknown: bool = False,
    dev: DevSecrets | None = None,
    is_for_serving: bool = True,
) -> LoadedSettings:
    """Read every source and check all of it.

    Args:
        config_file: TOML or JSON; None for none.
        environ: the process environment; only names with the prefix are read.
        overrides: values of flags by key, `http_server.port`; they win over everything else.
        allow_unknown: keys and variables that name no option are warnings.
        dev: the development profile's secrets; None for no profile.
        is_for_serving: demand the secrets without which a server could serve nobody.

    Raises:
        SettingsError: with everything that is wrong.
    """
    inspection = Inspection(allow_unknown=allow_unknown)
    sources = [_read_flags(overrides, inspection), read_environment(environ, inspection)]
    if config_file is not None:
        sources.append(read_config_file(config_file, inspection))
    if dev is not None:
        sources.append(dev_profile(dev, sources))
    settings = validated(sources, inspection)
    _apply(_RULES + (_NEEDED_TO_SERVE if is_for_serving else ()), settings, sources, inspection)
    if inspection.problems:
        raise SettingsError(inspection.problems)
    return LoadedSettings(settings, tuple(inspection.warnings), _origins(sources))


def _read_flags(overrides: Mapping[str, object], inspection: Inspection) -> Source:
    source = Source("flag")
    for key, value in overrides.items():
        source.put(key.split("."), value)
    check_structure(source, inspection)
    return source


def _apply(rules: Sequence[Rule], settings: Settings, sources: Sequence[Source], inspection: Inspection) -> None:
    for rule in rules:
        for finding in rule(settings):
            if not any(map(inspection.has_failed, (finding.key, *finding.rests_on))):
                target = inspection.warnings if finding.is_warning else inspection.problems
                target.append(Problem(finding.key, finding.message, _blamed_source(finding, sources)))


def _blamed_source(finding: Finding, sources: Sequence[Source]) -> str:
    """Where the option came from or, when nobody set it, the first one that makes it a problem."""
    origins = (origin_of(path_of(key), sources) for key in (finding.key, *finding.rests_on))
    return next(filter(None, origins), "")


def _origins(sources: Sequence[Source]) -> dict[str, str]:
    origins = {key: origin_of(option.path, sources) for key, option in all_options().items()}
    return {key: origin for key, origin in origins.items() if origin}
