from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bench import outbox_rows
from hub.relay import entries


@given(st.text())
def test_a_row_is_in_the_part_where_nodes_look_for_it(order_key: str) -> None:
    assert outbox_rows.part_of(order_key) == entries.part_of(order_key)


def test_ids_rise_with_the_messages() -> None:
    rows = outbox_rows.rows_of([b'{"n":%d}' % number for number in range(11)])
    assert [row[2] for row in sorted(rows)] == [f'{{"n":{number}}}' for number in range(11)]
