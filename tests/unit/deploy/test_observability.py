"""What is shipped for Prometheus and Grafana speaks of metrics that there are, and of pages that there are."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from observability.metrics.catalogue import ENTRIES

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy/observability"
PROMETHEUS = DEPLOY / "prometheus"

DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana/syncline.json").read_text())
RULES = (PROMETHEUS / "rules.yml").read_text()

METRIC = re.compile(r"\b(?:syncline|process|python)_\w+")
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
KNOWN = {
    f"{entry.name}{suffix}": {*entry.labels, *(label for label, _ in entry.fixed)}
    for entry in ENTRIES
    if entry.family
    for suffix in SUFFIXES[entry.kind]
}
FROM_OUTSIDE = {"job", "instance", "worker", "le"}
ALERTS = re.findall(r"- alert: (\w+)", RULES)


def panels() -> Iterator[tuple[str, str]]:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    for annotation in DASHBOARD["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["query"]["query"]


def rules() -> Iterator[tuple[str, str]]:
    yield from re.findall(r"- (?:alert|record): (\S+)\n\s+expr: (.*)", RULES)


EXPRESSIONS = [*panels(), *rules()]


@pytest.mark.parametrize(("title", "expression"), EXPRESSIONS)
def test_an_expression_names_metrics_and_labels_that_there_are(title: str, expression: str) -> None:
    names = METRIC.findall(expression)
    assert names or expression.startswith("up{"), title
    assert set(names) <= KNOWN.keys(), title
    labels = FROM_OUTSIDE.union(*(KNOWN[name] for name in names))
    used = {
        *re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression),
        *(label for group in re.findall(r"by \(([^)]*)\)", expression) for label in re.findall(r"\w+", group)),
    }
    assert used <= labels, title


def test_the_pattern_finds_a_metric_that_there_is_not() -> None:
    assert set(METRIC.findall("rate(syncline_made_up_total[5m])")) - KNOWN.keys()


def test_a_legend_names_labels_of_its_expression() -> None:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                assert re.search(rf"by \([^)]*\b{label}\b", target["expr"]), (panel["title"], label)


def test_panels_have_places_of_their_own() -> None:
    places: set[tuple[int, int]] = set()
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in DASHBOARD["panels"]:
        grid = panel["gridPos"]
        assert grid["x"] + grid["w"] <= 24, panel["title"]
        own = {(x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])}
        assert not own & places, panel["title"]
        places |= own


def test_every_alert_has_a_page_and_a_test() -> None:
    headings = {heading.lower() for heading in re.findall(r"^## (\w+)$", runbooks(), re.MULTILINE)}
    linked = re.findall(r"runbook_url: docs/operations/runbooks\.md#(\w+)", RULES)
    assert linked == [alert.lower() for alert in ALERTS]
    assert set(linked) == headings
    tests = (PROMETHEUS / "rules_test.yml").read_text()
    for alert in ALERTS:
        assert f"- name: {alert} fires\n" in tests
        assert f"- name: {alert} keeps quiet\n" in tests


def test_runbooks_name_metrics_that_there_are() -> None:
    found = METRIC.findall(runbooks()) + METRIC.findall((ROOT / "docs/operations/observability.md").read_text())
    assert set(found) <= KNOWN.keys() | {entry.name for entry in ENTRIES if entry.kind == "histogram"}


def test_links_inside_the_runbooks() -> None:
    anchors = {heading.lower() for heading in re.findall(r"^## (\w+)$", runbooks(), re.MULTILINE)}
    assert set(re.findall(r"\]\(#(\w+)\)", runbooks())) <= anchors


@pytest.mark.parametrize(
    "arguments",
    [("check", "config", "prometheus.yml"), ("check", "rules", "rules.yml"), ("test", "rules", "rules_test.yml")],
)
def test_promtool_is_content(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(["promtool", *arguments], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_compose_mounts_what_there_is_and_listens_on_the_loopback_interface_alone() -> None:
    compose = (DEPLOY / "compose.yaml").read_text()
    mounted = re.findall(r"- \./([\w./-]+):", compose)
    assert mounted
    assert [path for path in mounted if not (DEPLOY / path).exists()] == []
    ports = re.findall(r'- "(\S+:\d+:\d+)"', compose)
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []
    images = re.findall(r"image: (\S+)", compose)
    assert all(re.fullmatch(r"[\w./-]+:v?\d[\w.-]*", image) for image in images), "pinned"


def test_the_data_source_of_the_dashboard_is_a_choice() -> None:
    sources = {panel["datasource"]["uid"] for panel in DASHBOARD["panels"] if "datasource" in panel}
    assert sources == {"${datasource}"}


def runbooks() -> str:
    return (ROOT / "docs/operations/runbooks.md").read_text()
