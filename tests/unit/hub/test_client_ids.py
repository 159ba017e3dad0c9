from __future__ import annotations

import uuid

from hub.client_ids import ClientIds


def test_ids_are_random_uuids() -> None:
    ids = ClientIds()
    made = [ids.new() for _ in range(1_000)]  # more than one handful of randomness
    assert len(set(made)) == 1_000
    for text in made:
        parsed = uuid.UUID(text)
        assert (str(parsed), parsed.version, parsed.variant) == (text, 4, uuid.RFC_4122)
    assert {text[19] for text in made} == set("89ab")


def test_two_sources_do_not_repeat_each_other() -> None:
    first, second = ClientIds(), ClientIds()
    assert {first.new() for _ in range(300)}.isdisjoint({second.new() for _ in range(300)})
