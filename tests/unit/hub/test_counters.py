from __future__ import annotations

from dataclasses import fields

from hub.counters import Counters


def test_totals_are_flat_names_and_numbers() -> None:
    counters = Counters(publications=7)
    counters.reply_errors[103] += 2
    counters.disconnects[3500] += 1
    totals = counters.totals()
    assert (totals["publications"], totals["reply_errors.103"], totals["disconnects.3500"]) == (7.0, 2.0, 1.0)
    assert all(type(total) is float for total in totals.values())


def test_every_counter_is_there_from_the_beginning_except_those_by_code() -> None:
    by_code = {"reply_errors", "disconnects", "unsubscribes"}
    assert set(Counters().totals()) == {field.name for field in fields(Counters)} - by_code
    assert set(Counters().totals().values()) == {0.0}


def test_counters_of_two_nodes_are_apart() -> None:
    first, second = Counters(), Counters()
    first.disconnects[3000] += 1
    assert second.disconnects == {}
