from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from settings.options import all_options
from tests.unit.settings.conftest import HMAC_SECRET, Complain, Load

SECRET_VARIABLE = "SYNCLINE_CLIENT__TOKEN__HMAC_SECRET_KEY"


def test_every_option_has_its_own_variable() -> None:
    names = [option.env_name for option in all_options().values()]
    assert len(set(names)) == len(names)
    assert all_options()["client.token.hmac_secret_key"].env_name == SECRET_VARIABLE


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("1", True), ("on", True), ("false", False), ("0", False), ("off", False)]
)
def test_booleans(load: Load, text: str, value: bool) -> None:
    assert load(env={"SYNCLINE_RPC__PING__ENABLED": text}).settings.rpc.ping.enabled is value


@pytest.mark.parametrize(
    "text",
    [
        "https://a.example https://b.example",
        "https://a.example,https://b.example",
        " https://a.example ,  https://b.example ",
        '["https://a.example", "https://b.example"]',
    ],
)
def test_lists_of_strings_by_space_comma_or_json(load: Load, text: str) -> None:
    origins = load(env={"SYNCLINE_CLIENT__ALLOWED_ORIGINS": text}).settings.client.allowed_origins
    assert origins == ("https://a.example", "https://b.example")


def test_namespaces_are_json(load: Load) -> None:
    env = {"SYNCLINE_CHANNEL__NAMESPACES": '[{"name": "chat", "history_size": 5, "history_ttl": "1m"}]'}
    (namespace,) = load(env=env).settings.channel.namespaces
    assert (namespace.name, namespace.history_size, namespace.history_ttl) == ("chat", 5, 60)


def test_broken_json_names_variable_and_place(problems: Complain) -> None:
    (problem,) = problems(env={"SYNCLINE_CHANNEL__NAMESPACES": "[{]"})
    assert problem.key == "channel.namespaces"
    assert problem.message.startswith("must be a JSON list: ")
    assert "char 2" in problem.message
    assert problem.source == "env SYNCLINE_CHANNEL__NAMESPACES"


def test_namespaces_of_the_environment_are_checked_like_those_of_a_file(problems: Complain) -> None:
    (problem,) = problems(env={"SYNCLINE_CHANNEL__NAMESPACES": '[{"name": "chat", "presense": true}]'})
    assert problem.key == "channel.namespaces[0].presense"
    assert "did you mean channel.namespaces[0].presence?" in problem.message


def test_namespaces_that_are_no_list(complaint: Callable[..., str]) -> None:
    env = {"SYNCLINE_CHANNEL__NAMESPACES": '{"name": "chat"}'}
    assert complaint(env=env) == "channel.namespaces: must be a list"


def test_an_empty_variable_is_unset(load: Load) -> None:
    env = {"SYNCLINE_HTTP_SERVER__PORT": "", "SYNCLINE_NO_SUCH_THING": "", SECRET_VARIABLE: ""}
    loaded = load({"http_server": {"port": 1234}}, env=env)
    assert loaded.settings.http_server.port == 1234


def test_other_programs_variables_are_ignored(load: Load) -> None:
    load(env={"PATH": "/bin", "PORT": "80", "CENTRIFUGO_HTTP_API_KEY": "x", "syncline_log__level": "x"})


@pytest.mark.parametrize(
    ("name", "suggested"),
    [
        ("SYNCLINE_CLIENT__TOKEN__HMAC_SECRET", SECRET_VARIABLE),
        ("SYNCLINE_CLIENT_TOKEN_HMAC_SECRET_KEY", SECRET_VARIABLE),
        ("SYNCLINE_LOG__LEVLE", "SYNCLINE_LOG__LEVEL"),
    ],
)
def test_an_unknown_variable_names_its_neighbour(problems: Complain, name: str, suggested: str) -> None:
    (problem,) = problems(env={name: HMAC_SECRET})
    assert str(problem) == f"{name}: names no option; did you mean {suggested}? (env)"


def test_a_section_is_no_variable(problems: Complain) -> None:
    (problem,) = problems(env={"SYNCLINE_CLIENT": "{}"})
    assert problem.key == "SYNCLINE_CLIENT"


def test_unknown_variables_can_be_allowed(warnings: Callable[..., list[str]]) -> None:
    assert warnings(env={"SYNCLINE_QQQQQQ": "x"}, allow_unknown=True) == ["SYNCLINE_QQQQQQ: names no option"]


class TestFileVariables:
    @pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
    def test_hold_the_value_without_its_last_newline(self, load: Load, tmp_path: Path, ending: str) -> None:
        file = tmp_path / "hmac"
        file.write_bytes((HMAC_SECRET + ending).encode())
        loaded = load(env={f"{SECRET_VARIABLE}_FILE": str(file)})
        assert loaded.settings.client.token.hmac_secret_key.get_secret_value() == HMAC_SECRET
        assert loaded.origins["client.token.hmac_secret_key"] == f"env {SECRET_VARIABLE}_FILE"

    def test_only_one_newline_goes(self, load: Load, tmp_path: Path) -> None:
        file = tmp_path / "hmac"
        file.write_text(f"  {HMAC_SECRET} \n\n")
        loaded = load(env={f"{SECRET_VARIABLE}_FILE": str(file)})
        assert loaded.settings.client.token.hmac_secret_key.get_secret_value() == f"  {HMAC_SECRET} \n"

    def test_beside_the_variable_itself_are_a_problem(self, problems: Complain, tmp_path: Path) -> None:
        (problem,) = problems(env={SECRET_VARIABLE: HMAC_SECRET, f"{SECRET_VARIABLE}_FILE": str(tmp_path / "hmac")})
        assert problem.key == "client.token.hmac_secret_key"
        assert problem.message == f"{SECRET_VARIABLE} and {SECRET_VARIABLE}_FILE are both set; keep one"

    def test_that_name_no_file(self, problems: Complain, tmp_path: Path) -> None:
        file = tmp_path / "absent"
        (problem,) = problems(env={f"{SECRET_VARIABLE}_FILE": str(file)}, is_for_serving=False)
        assert problem.message == f"cannot read {file}: No such file or directory"
        assert problem.source == f"env {SECRET_VARIABLE}_FILE"

    def test_that_name_a_file_of_bytes(self, problems: Complain, tmp_path: Path) -> None:
        file = tmp_path / "bytes"
        file.write_bytes(b"\xff\xfe")
        (problem,) = problems(env={f"{SECRET_VARIABLE}_FILE": str(file)})
        assert problem.message == f"{file} is not UTF-8 text"

    def test_exist_for_secrets_and_keys_only(self, problems: Complain) -> None:
        (problem,) = problems(env={"SYNCLINE_LOG__LEVEL_FILE": "x"})
        assert problem.key == "SYNCLINE_LOG__LEVEL_FILE"
        with_file = {option.key for option in all_options().values() if option.shape.can_be_file}
        assert {"http_api.key", "client.token.hmac_previous_secret_key", "client.token.rsa_public_key"} <= with_file
