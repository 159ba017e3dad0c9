from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.engine import HistoryQuery, PublishOptions
from hub.engines.memory.streams import Stream, Streams
from hub.protocol.messages import Publication, StreamPosition

OPTIONS = PublishOptions(history_size=10, history_ttl_s=60, history_meta_ttl_s=600)
ALL = HistoryQuery(limit=-1, meta_ttl_s=600)
PLENTY = 1_000_000


def stream_of(*, published: int, size: int) -> Stream:
    stream = Stream()
    for _ in range(published):
        stream.append(Publication(), PublishOptions(history_size=size, history_ttl_s=60), now_s=0)
    return stream


def streams_with(*channels: str, published: int = 1, options: PublishOptions = OPTIONS) -> Streams:
    streams = Streams(default_meta_ttl_s=5000)
    for channel in channels:
        for _ in range(published):
            streams.append(channel, Publication(), options, now_s=0)
    return streams


def test_an_epoch_is_eight_letters_and_new_for_each_stream() -> None:
    epochs = {Stream().epoch for _ in range(1000)}
    assert len(epochs) == 1000
    assert all(re.fullmatch("[A-Za-z]{8}", epoch) for epoch in epochs)


@settings(deadline=None)
@given(
    published=st.integers(0, 30),
    size=st.integers(1, 12),
    limit=st.integers(-1, 15),
    since=st.none() | st.integers(0, 35),
    is_reverse=st.booleans(),
)
def test_select_is_what_filtering_the_whole_log_would_give(
    published: int, size: int, limit: int, since: int | None, is_reverse: bool
) -> None:
    query = HistoryQuery(limit, None if since is None else StreamPosition(since), is_reverse)
    expected = list(range(1, published + 1))[-size:]
    if is_reverse:
        expected = [offset for offset in expected[::-1] if since is None or offset < since]
    else:
        expected = [offset for offset in expected if since is None or offset > since]
    if limit >= 0:
        expected = expected[:limit]
    assert [found.offset for found in stream_of(published=published, size=size).select(query)] == expected


def test_offsets_are_consecutive_and_end_at_the_top() -> None:
    """STR-1"""
    stream = stream_of(published=7, size=3)
    assert [found.offset for found in stream.select(ALL)] == [5, 6, 7]
    assert (len(stream), stream.top_offset) == (3, 7)


def test_the_top_does_not_fall_when_publications_go() -> None:
    """STR-2"""
    stream = stream_of(published=7, size=3)
    assert stream.clear() == 3
    assert (len(stream), stream.top_offset, stream.select(ALL)) == (0, 7, [])


def test_the_position_outlives_the_publications() -> None:
    """STR-3"""
    stream = stream_of(published=1, size=3)
    stream.touch(meta_ttl_s=1, now_s=0)
    assert stream.forget_at_s == stream.clear_at_s == 60


def test_empty_streams_do_not_share_what_is_published_to_one() -> None:
    first, second = Stream(), Stream()
    first.append(Publication(), OPTIONS, now_s=0)
    assert (len(first), len(second), len(Stream())) == (1, 0, 0)
    first.clear()
    first.append(Publication(), OPTIONS, now_s=0)
    assert [found.offset for found in first.select(ALL)] == [2]
    assert second.select(ALL) == []


@pytest.mark.parametrize(
    ("stored", "offered", "is_outdated"),
    [
        ((0, ""), (0, ""), False),
        ((0, ""), (1, ""), False),
        ((5, ""), (0, ""), False),
        ((5, ""), (4, ""), True),
        ((5, ""), (5, ""), True),
        ((5, ""), (6, ""), False),
        ((5, "a"), (5, "a"), True),
        ((5, "a"), (5, ""), True),
        ((5, "a"), (6, "a"), False),
        ((5, "a"), (1, "b"), False),
        ((5, ""), (1, "b"), False),
    ],
)
def test_versions(stored: tuple[int, str], offered: tuple[int, str], is_outdated: bool) -> None:
    stream = Stream()
    version, version_epoch = stored
    options = PublishOptions(history_size=1, history_ttl_s=60, version=version, version_epoch=version_epoch)
    stream.append(Publication(), options, now_s=0)
    assert stream.is_outdated(*offered) == is_outdated


def test_publications_expire_on_the_dot() -> None:
    streams = streams_with("news")
    assert len(streams.read("news", ALL, now_s=59.999).publications) == 1
    assert streams.read("news", ALL, now_s=60).publications == []


def test_a_position_expires_on_the_dot() -> None:
    streams = streams_with("news")
    epoch = streams.read("news", ALL, now_s=0).position.epoch
    assert streams.read("news", ALL, now_s=599.999).position == StreamPosition(1, epoch)
    assert streams.read("news", ALL, now_s=1199.998).position == StreamPosition(1, epoch)
    assert streams.read("news", ALL, now_s=1799.998).position.epoch != epoch


def test_a_meta_ttl_of_zero_is_the_default() -> None:
    streams = streams_with("news", options=PublishOptions(history_size=1, history_ttl_s=1))
    epoch = streams.read("news", HistoryQuery(), now_s=0).position.epoch
    assert streams.read("news", HistoryQuery(), now_s=4999).position.epoch == epoch
    assert streams.read("news", HistoryQuery(), now_s=9999).position.epoch != epoch


def test_sweeping_frees_publications_and_then_positions() -> None:
    streams = streams_with("news", "sport", published=3)
    assert streams.sweep(59, PLENTY) == 0
    assert streams.sweep(60, PLENTY) == 2 * (1 + 3)
    assert (len(streams), streams.num_deadlines) == (2, 2)
    assert streams.sweep(600, PLENTY) == 2
    assert (len(streams), streams.num_deadlines) == (0, 0)


def test_sweeping_frees_both_at_once_when_both_are_over() -> None:
    streams = streams_with("news", published=3)
    streams.sweep(600, PLENTY)
    assert (len(streams), streams.num_deadlines) == (0, 0)


def test_sweeping_leaves_what_was_published_to_since() -> None:
    streams = streams_with("news")
    streams.append("news", Publication(), OPTIONS, now_s=50)
    streams.sweep(60, PLENTY)
    assert len(streams.read("news", ALL, now_s=60).publications) == 2
    assert streams.sweep(109, PLENTY) == 0
    assert streams.sweep(110, PLENTY) == 1 + 2


def test_sweeping_stops_when_the_budget_is_used_up() -> None:
    channels = [f"channel-{number}" for number in range(10)]
    streams = streams_with(*channels, published=4)
    slices = []
    while spent := streams.sweep(600, budget=12):
        slices.append(spent)
    assert slices == [15, 15, 15, 12, 3]  # ten logs of 1 + 4 steps, at most one of them over, then ten positions
    assert len(streams) == 0


def test_a_busy_stream_is_queued_once_per_ttl() -> None:
    streams = streams_with("news", published=10_000)
    assert streams.num_deadlines == 2
    assert streams.sweep(60, PLENTY) == 1 + 10
    assert streams.sweep(60, PLENTY) == 0


def test_a_stream_that_came_back_before_it_was_swept_is_not_freed_in_place_of_the_old_one() -> None:
    streams = streams_with("news")
    new = streams.append("news", Publication(), OPTIONS, now_s=600).position
    streams.sweep(600, PLENTY)
    assert streams.read("news", ALL, now_s=600) == ([Publication(offset=1)], new)


def test_a_position_forgotten_with_its_log_cleared_leaves_no_deadline() -> None:
    streams = streams_with("news", options=PublishOptions(history_size=1, history_ttl_s=60, history_meta_ttl_s=60))
    streams.clear("news")
    streams.sweep(60, PLENTY)
    assert (len(streams), streams.num_deadlines) == (0, 0)
