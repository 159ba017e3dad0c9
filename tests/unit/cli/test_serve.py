from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from cli.configuration import ServeOptions, load
from settings.dev_secrets import load_dev_secrets
from settings.problems import Problem, SettingsError
from tests.unit.cli.conftest import RecordingServe, Run


def test_hands_every_flag_to_main(run: Run, served: RecordingServe, tmp_path: Path) -> None:
    flags = "-c a.toml --workers 3 --data-dir d --address 127.0.0.1 --port 8001 --internal-port 9000 --log-level warn"
    assert run("serve", *flags.split(), "--allow-unknown").exit_code == 0
    assert served.options == [
        ServeOptions(
            config_file=Path("a.toml"),
            is_dev=False,
            data_dir=Path("d"),
            has_state=True,
            overrides={
                "http_server.address": "127.0.0.1",
                "http_server.port": 8001,
                "http_server.internal_port": 9000,
                "log.level": "warn",
            },
            allow_unknown=True,
            workers=3,
        )
    ]


def test_flags_that_are_not_given_override_nothing(run: Run, served: RecordingServe) -> None:
    run("serve")
    assert served.options == [ServeOptions()]


@pytest.mark.parametrize("code", [0, 1, 3])
def test_exits_as_main_says(run: Run, served: RecordingServe, code: int) -> None:
    served.exit_code = code
    assert run("serve").exit_code == code


def test_tells_every_problem_on_stderr(run: Run, served: RecordingServe) -> None:
    served.failure = SettingsError([Problem("a.b", "is wrong", "flag"), Problem("c.d", "must be set")])
    result = run("serve")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == "error: a.b: is wrong (flag)\nerror: c.d: must be set\n"


def test_without_secrets_names_both_keys(run: Run, served: RecordingServe) -> None:
    with pytest.raises(SettingsError) as caught:
        load(ServeOptions())
    assert {problem.key for problem in caught.value.problems} == {"client.token.hmac_secret_key", "http_api.key"}


def test_dev_tells_where_the_secrets_are_and_not_what_they_are(
    run: Run, served: RecordingServe, tmp_path: Path
) -> None:
    result = run("serve", "--dev", "--data-dir", "d")
    secrets = load_dev_secrets(tmp_path / "d")
    assert result.stderr == "Development profile; its secrets are in d/dev-secrets.json\n"
    assert secrets.hmac_secret_key not in result.output
    assert secrets.http_api_key not in result.output
    (options,) = served.options
    assert options.is_dev
    assert options.has_state
    assert load(options).settings.http_api.key.get_secret_value() == secrets.http_api_key


def test_port_must_be_a_number(run: Run, served: RecordingServe) -> None:
    assert run("serve", "--port", "many").exit_code == 2
    assert served.options == []


@pytest.mark.parametrize("count", ["0", "-1", "many"])
def test_workers_are_at_least_one(run: Run, served: RecordingServe, count: str) -> None:
    assert run("serve", "--workers", count).exit_code == 2
    assert served.options == []


def test_a_port_out_of_range_is_told_as_a_setting(run: Run, served: RecordingServe) -> None:
    run("serve", "--dev", "--port", "70000")
    with pytest.raises(SettingsError) as caught:
        load(served.options[0])
    assert str(caught.value) == "http_server.port: must be 65535 or less, not 70000 (flag)"


def test_a_fault_of_ours_shows_no_local_variables(run: Run, served: RecordingServe) -> None:
    """Typer's own tracebacks would print them, secrets included."""
    served.failure = RuntimeError("broken")
    result = run("serve", "--dev")
    assert result.exit_code == 1
    assert "locals" not in result.output
    assert isinstance(result.exception, RuntimeError)
    assert "broken" in "".join(traceback.format_exception(result.exception))
