"""What OTEL_* variables decide, and what is refused instead of ignored."""

from __future__ import annotations

import pytest

from observability.tracing.environment import (
    DEFAULT_EXPORT_TIMEOUT_S,
    DEFAULT_MAX_WAITING,
    SamplerChoice,
    TracingRefused,
    read_environment,
)

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


def test_nothing_said_means_no_export_and_our_own_ratio() -> None:
    environment = read_environment({})

    assert not environment.is_disabled
    assert not environment.exports
    assert environment.sampler is None
    assert environment.max_waiting == DEFAULT_MAX_WAITING


@pytest.mark.parametrize(
    ("variables", "exports"),
    [
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "OTLP"}, True),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, True),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, False),
    ],
)
def test_it_exports_where_there_is_an_endpoint_or_it_is_told_to(variables: dict[str, str], exports: bool) -> None:
    assert read_environment(variables).exports is exports


@pytest.mark.parametrize("variable", ["OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"])
def test_a_timeout_that_is_given_is_left_to_the_sdk(variable: str) -> None:
    assert read_environment({variable: "7"}).export_timeout_s is None
    assert read_environment({}).export_timeout_s == DEFAULT_EXPORT_TIMEOUT_S


@pytest.mark.parametrize(
    ("sampler", "argument", "choice"),
    [
        ("always_on", "", SamplerChoice(1.0, respects_parent=False)),
        ("always_off", "", SamplerChoice(0.0, respects_parent=False)),
        ("traceidratio", "0.25", SamplerChoice(0.25, respects_parent=False)),
        ("parentbased_always_on", "", SamplerChoice(1.0)),
        ("parentbased_always_off", "", SamplerChoice(0.0)),
        ("parentbased_traceidratio", "0.5", SamplerChoice(0.5)),
        ("PARENTBASED_TRACEIDRATIO", "", SamplerChoice(1.0)),
    ],
)
def test_the_sampler_of_the_environment_wins(sampler: str, argument: str, choice: SamplerChoice) -> None:
    variables = {"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": argument}

    assert read_environment(variables).sampler == choice


@pytest.mark.parametrize(("text", "is_disabled"), [("true", True), ("TRUE", True), ("1", False), ("", False)])
def test_the_sdk_can_be_switched_off(text: str, is_disabled: bool) -> None:
    assert read_environment({"OTEL_SDK_DISABLED": text}).is_disabled is is_disabled


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"OTEL_TRACES_SAMPLER": "xray"}, "OTEL_TRACES_SAMPLER"),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "2"}, "OTEL_TRACES_SAMPLER_ARG"),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "nan"}, "OTEL_TRACES_SAMPLER_ARG"),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "much"}, "OTEL_TRACES_SAMPLER_ARG"),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER"),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL"),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "0"}, "OTEL_BSP_MAX_QUEUE_SIZE"),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "many"}, "OTEL_BSP_MAX_QUEUE_SIZE"),
    ],
)
def test_what_we_do_not_have_is_refused_by_name(variables: dict[str, str], named: str) -> None:
    with pytest.raises(TracingRefused, match=named):
        read_environment(variables)


def test_the_queue_is_as_long_as_the_environment_says() -> None:
    assert read_environment({"OTEL_BSP_MAX_QUEUE_SIZE": "600"}).max_waiting == 600
