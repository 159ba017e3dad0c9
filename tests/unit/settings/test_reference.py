from __future__ import annotations

from pathlib import Path

from settings.accounts_model import IdentityProviderSettings
from settings.consumer_model import ConsumerSettings, RouteSettings
from settings.options import all_options, options_of
from settings.reference import OURS, render_reference

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"


def test_the_page_is_what_the_settings_say() -> None:
    assert PAGE.read_text() == render_reference(), "run: python -m settings.reference > docs/configuration.md"


def test_every_option_is_in_it_with_type_default_meaning_and_variable() -> None:
    rows = [line.split(" | ") for line in render_reference().splitlines() if line.startswith("| `")]
    rows = [row for row in rows if len(row) == 5]
    options = {key: option for key, option in all_options().items() if option.shape.name != "list of sections"}
    in_lists = [key for key, option in all_options().items() if option.shape.name == "list of sections"]
    assert in_lists == ["channel.namespaces", "identity_providers", "consumers", "sinks", "events.routes"]
    rows = [row for row in rows if row[0].strip("| `+") not in in_lists]
    assert [row[0].strip("| `+") for row in rows] == list(options)
    for row, option in zip(rows, options.values(), strict=True):
        assert row[4] == f"`{option.env_name}` |"
        assert all(cell.strip() for cell in row)


def test_options_of_an_identity_provider_are_in_it() -> None:
    page = render_reference()
    assert "## identity_providers[]" in page
    for option in options_of(IdentityProviderSettings):
        assert f"| `{option.key}` | {option.shape.name} | " in page


def test_options_of_consumers_and_their_routes_are_in_it() -> None:
    page = render_reference()
    assert "## consumers[]" in page
    assert "### consumers[].routes[]" in page
    for section in (ConsumerSettings, RouteSettings):
        for option in options_of(section):
            assert f"| `{option.key}` | {option.shape.name} | " in page


def test_every_option_has_one_sentence() -> None:
    assert [key for key, option in all_options().items() if not option.description.rstrip().endswith((".", ")"))] == []


def test_defaults_are_written_as_in_a_file() -> None:
    page = render_reference()
    assert '| `client.ping_interval` | duration | `"25s"` |' in page
    assert "| `client.insecure` | boolean | `false` |" in page
    assert "| `client.allowed_origins` | list of strings | `[]` |" in page
    assert '| `http_api.key` | secret | `""` |' in page


def test_marks_what_only_syncline_has() -> None:
    assert all_options().keys() >= OURS
    assert "| `client.command_rate_limit` + |" in render_reference()
