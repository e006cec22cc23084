"""When a poller is polled next."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from polling import schedule

NOW = datetime(2026, 5, 5, 12, tzinfo=UTC)
INTERVALS = st.integers(1, 10_080).map(lambda minutes: timedelta(minutes=minutes))


@given(INTERVALS, st.integers(0, 10**9), st.text(max_size=5))
def test_a_late_poller_is_polled_once_and_stays_on_its_grid(interval: timedelta, later_s: int, key: str) -> None:
    now = NOW + timedelta(seconds=later_s)
    following = schedule.next_poll(key, interval, now)
    assert now < following <= now + interval
    assert schedule.next_poll(key, interval, following) - following == interval


def test_a_thousand_pollers_are_spread_over_the_interval() -> None:
    interval = timedelta(minutes=15)
    shares = [(schedule.next_poll(f"{number}/contacts", interval, NOW) - NOW) / interval for number in range(1000)]
    assert all(0 < share <= 1 for share in shares)
    assert max(sum(1 for share in shares if tenth <= share * 10 < tenth + 1) for tenth in range(10)) < 150


def test_a_new_poller_is_polled_within_a_minute() -> None:
    for minutes in (1, 15, 10_080):
        assert NOW <= schedule.first_poll("1/contacts", timedelta(minutes=minutes), NOW) <= NOW + timedelta(minutes=1)


def test_back_off_doubles_from_5_s_to_30_min_and_respects_what_act_on_asks() -> None:
    day = timedelta(days=1)
    pauses = [(schedule.after_failure(failures, day, 0, NOW) - NOW).total_seconds() for failures in range(1, 12)]
    assert pauses == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 1800, 1800]
    assert schedule.after_failure(1, day, 90, NOW) == NOW + timedelta(seconds=90)
    assert schedule.after_failure(10, timedelta(minutes=1), 0, NOW) == NOW + timedelta(minutes=1)


def test_the_sweeps_of_a_thousand_lists_drift_apart() -> None:
    day = timedelta(days=1)
    intervals = [schedule.sweep_interval(f"1/contacts/l-{number:04}", day) for number in range(1000)]
    assert all(day <= interval <= day * 1.1 for interval in intervals)
    tenths = Counter(int((interval - day) / (day / 100)) for interval in intervals)
    assert all(50 < tenths[tenth] < 150 for tenth in range(10))
