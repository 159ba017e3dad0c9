from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from observability.metrics.catalogue import DISTRIBUTIONS, ENTRIES, HELP, VALUES, entry_of
from observability.metrics.reference import reference

if TYPE_CHECKING:
    from observability.metrics.entry import Entry

ROOT = Path(__file__).parents[4]

EXPORTED = [entry for entry in ENTRIES if entry.family]

FORBIDDEN_LABELS = {"channel", "user", "client", "path", "session", "device", "address", "url"}


def by_name() -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in EXPORTED:
        found[entry.name].append(entry)
    return found


def test_no_measure_has_two_rows() -> None:
    assert len(VALUES) + len(DISTRIBUTIONS) == len(ENTRIES)


def test_names_are_as_prometheus_asks() -> None:
    for name in by_name():
        assert re.fullmatch(r"(syncline|process|python)_[a-z0-9_]*[a-z0-9]", name), name
        assert not name.endswith(("_total", "_ms", "_count", "_sum", "_bucket", "_milliseconds")), name


def test_a_measure_in_seconds_or_bytes_says_so() -> None:
    for entry in EXPORTED:
        measure = entry.measure.removesuffix(".*")
        if measure.endswith("_s"):
            assert entry.unit == "seconds", entry
        if measure.endswith("_bytes"):
            assert entry.name.endswith("_bytes"), entry


def test_the_rows_of_one_metric_agree_and_differ_in_their_labels() -> None:
    for name, entries in by_name().items():
        assert len({entry.kind for entry in entries}) == 1, name
        assert len({(*entry.labels, *(label for label, _ in entry.fixed)) for entry in entries}) == 1 or all(
            entry.labels == entries[0].labels for entry in entries
        ), name
        assert len({entry.fixed for entry in entries}) == len(entries), name


def test_every_metric_has_help_that_is_a_sentence() -> None:
    assert set(by_name()) == set(HELP)
    for name, text in HELP.items():
        assert text[0].isupper() or text[0].isdigit(), name
        assert text.endswith("."), name


def test_no_label_can_hold_what_clients_send() -> None:
    for entry in ENTRIES:
        assert not FORBIDDEN_LABELS & {*entry.labels, *(label for label, _ in entry.fixed)}, entry


def test_what_is_a_sum_names_a_metric_that_there_is() -> None:
    names = {f"{entry.name}_total" if entry.kind == "counter" else entry.name for entry in EXPORTED}
    assert {entry.help for entry in ENTRIES if not entry.family} <= names


def test_a_name_with_and_one_without_a_label_are_two() -> None:
    engine, consumer = entry_of("redis_waiting", VALUES)[0], entry_of("redis_waiting.orders", VALUES)[0]
    assert engine is not None
    assert consumer is not None
    assert (engine.family, consumer.family) == ("redis_calls_waiting", "consumer_messages_in_hand")
    assert entry_of("redis_gaps.a.b", VALUES)[1] == "a.b"
    assert entry_of("nobody_counts_this", VALUES)[0] is None


def test_the_document_is_what_the_catalogue_says() -> None:
    """`python -m observability.metrics.reference > docs/metrics.md` writes it anew."""
    assert (ROOT / "docs/metrics.md").read_text() == reference()
