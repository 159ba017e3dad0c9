"""How late messages are, by what their carriers know of them."""

from __future__ import annotations

from datetime import UTC, datetime

from hub.relay.rabbitmq.counts import SourceCounts as RabbitCounts
from hub.relay.redis.counts import SourceCounts as RedisCounts
from tests.support.clock import FakeClock


def test_a_message_of_rabbitmq_has_the_time_of_its_publisher_or_none() -> None:
    clock = FakeClock()
    counts = RabbitCounts(clock)
    counts.note_accepted(datetime.fromtimestamp(clock.now_s() - 3, UTC))
    counts.note_accepted(datetime.fromtimestamp(clock.now_s() + 60, UTC))  # its clock is ahead of ours
    counts.note_accepted(None)
    assert (counts.lag_s.count, round(counts.lag_s.total, 6)) == (2, 3)


def test_an_entry_of_a_stream_has_the_time_of_redis() -> None:
    clock = FakeClock()
    counts = RedisCounts("orders", clock)
    counts.note_accepted(f"{int(clock.now_s() * 1000) - 2_500}-0")
    counts.note_accepted(f"{int(clock.now_s() * 1000) + 9_000}-7")
    assert counts.lag_s.count == 2
    assert 2.4 < counts.lag_s.total < 2.6
