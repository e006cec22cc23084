"""Act-On's limits, as pure rules over moments, and as rows that every process shares."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import time_machine
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from elements.acton import client, lateness, limits
from elements.acton.exceptions import SlotMissed, Throttled
from elements.models import CallBudget

MOST, WINDOW = 5, 1500


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=60))
def test_never_more_than_allowed_in_any_window(pauses: list[int]) -> None:
    recent: list[int] = []
    slots: list[int] = []
    now = 0
    for pause in pauses:
        now += pause
        slot = limits.next_slot(recent, now, MOST, WINDOW)
        recent = [*recent, slot][-MOST:]
        slots.append(slot)
        assert slot >= now
    assert all(later - earlier >= WINDOW for earlier, later in zip(slots, slots[MOST:], strict=False))
    assert slots == sorted(slots)


@given(st.lists(st.integers(0, 10_000), max_size=5), st.integers(0, 10_000))
def test_a_call_waits_no_longer_than_it_must(moments: list[int], now: int) -> None:
    recent = sorted(min(moment, now) for moment in moments)
    slot = limits.next_slot(recent, now, MOST, WINDOW)
    within = [moment for moment in recent if moment > now - WINDOW]
    assert (slot == now) == (len(within) < MOST)


def test_a_moment_left_by_a_clock_that_was_set_back_counts_as_now() -> None:
    hour = 3_600_000
    assert limits.believable([hour, hour + 5], now_ms=1000) == [1000, 1000]
    assert limits.believable([500, 2000], now_ms=1000) == [500, 2000]


@pytest.mark.django_db
def test_the_sixth_call_of_a_second_waits_and_a_long_wait_is_refused() -> None:
    budget = limits.budget_for("https://a.example", "key", "")
    with time_machine.travel(1_800_000_000, tick=False):
        began = time.monotonic()
        leave = [limits.reserve_call(budget.pk, wait_s=10) for _ in range(6)]
        assert max(leave[:5]) <= time.monotonic()
        assert began + WINDOW / 1000 <= leave[5] <= time.monotonic() + WINDOW / 1000
        with pytest.raises(Throttled):
            limits.reserve_call(budget.pk, wait_s=0.5)
    budget.refresh_from_db()
    assert budget.day_calls == 6


@pytest.mark.django_db
def test_the_30_001st_call_of_a_day_is_put_off_until_tomorrow() -> None:
    budget = limits.budget_for("https://a.example", "key", "")
    with time_machine.travel("2026-05-05T23:00:00Z", tick=False):
        limits.reserve_call(budget.pk, wait_s=10)
        budget.refresh_from_db()
        budget.day_calls = limits.CALLS_A_DAY
        budget.save()
        with pytest.raises(Throttled) as refused:
            limits.reserve_call(budget.pk, wait_s=10)
        assert refused.value.retry_after == 3600
    with time_machine.travel("2026-05-06T00:00:01Z", tick=False):
        limits.reserve_call(budget.pk, wait_s=10)


@pytest.mark.django_db
def test_one_of_five_token_calls_an_hour_is_kept_for_refreshing() -> None:
    budget = limits.budget_for("https://a.example", "key", "")
    with time_machine.travel(1_800_000_000, tick=False):
        for _ in range(4):
            limits.reserve_token_call(budget.pk, keep=limits.KEPT_FOR_REFRESHING)
        with pytest.raises(Throttled) as refused:
            limits.reserve_token_call(budget.pk, keep=limits.KEPT_FOR_REFRESHING)
        assert refused.value.retry_after == pytest.approx(3610)
        limits.reserve_token_call(budget.pk)
        with pytest.raises(Throttled):
            limits.reserve_token_call(budget.pk)
    with time_machine.travel(1_800_000_000 + 3611, tick=False):
        limits.reserve_token_call(budget.pk, keep=limits.KEPT_FOR_REFRESHING)


@pytest.mark.django_db
def test_after_the_clock_was_set_back_token_calls_are_free_again_within_an_hour() -> None:
    budget = limits.budget_for("https://a.example", "key", "")
    with time_machine.travel(1_800_000_000, tick=False):
        for _ in range(5):
            limits.reserve_token_call(budget.pk)
    with time_machine.travel(1_800_000_000 - 7200, tick=False), pytest.raises(Throttled):
        limits.reserve_token_call(budget.pk)
    with time_machine.travel(1_800_000_000 - 7200 + 3611, tick=False):
        limits.reserve_token_call(budget.pk)


@pytest.mark.django_db
def test_throttling_pauses_the_account_longer_each_time_until_it_answers_again() -> None:
    budget = limits.budget_for("https://a.example", "key", "")
    assert [limits.slow_down(budget.pk, None) for _ in range(3)] == [2, 4, 8]
    assert limits.slow_down(budget.pk, 77.0) == 77.0
    with pytest.raises(Throttled):
        limits.reserve_call(budget.pk, wait_s=10)
    limits.speed_up(budget.pk)
    limits.reserve_call(budget.pk, wait_s=0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "pause_s"),
    [("90", 90), ("100000000", 86_400), ("9" * 400, 86_400), ("\N{SUPERSCRIPT TWO}", 2), ("-1", 2)],
)
def test_what_act_on_asks_for_is_respected_for_a_day_at_most(asked: str, pause_s: float) -> None:
    budget = limits.budget_for("https://a.example", "key", "")
    error = client.error_for(429, asked, "")
    assert isinstance(error, Throttled)
    assert limits.slow_down(budget.pk, error.retry_after or None) == pause_s


@pytest.mark.django_db(transaction=True)
def test_many_threads_share_one_allowance() -> None:
    budget = limits.budget_for("https://a.example", "key", "")

    def take(_: int) -> float:
        try:
            return limits.reserve_call(budget.pk, wait_s=60)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        leave = sorted(pool.map(take, range(40)))
    assert all(later - earlier >= 1.199 for earlier, later in zip(leave, leave[5:], strict=False))


def five_calls_that_were_late(monkeypatch: pytest.MonkeyPatch) -> tuple[CallBudget, float]:
    """They may have arrived 0.9 s after their moment: their account, and when it was."""
    budget = limits.budget_for("https://a.example", "key", "")
    began = time.monotonic()
    leave = [limits.reserve_call(budget.pk, wait_s=10) for _ in range(5)]
    with monkeypatch.context() as later:
        later.setattr(time, "monotonic", lambda: began + 0.9)
        for moment in leave:
            limits.answered(budget.pk, moment)
    return budget, began


@pytest.mark.django_db
def test_what_follows_a_late_call_keeps_its_distance_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    budget, began = five_calls_that_were_late(monkeypatch)
    sixth = limits.reserve_call(budget.pk, wait_s=10)
    assert began + 0.9 + 1 - 0.1 <= sixth <= time.monotonic() + 0.9 + 1
    limits.answered(budget.pk, sixth)
    limits.answered(budget.pk, sixth)
    assert limits.reserve_call(budget.pk, wait_s=10) >= sixth - 0.001  # moments are whole milliseconds


@given(st.floats(-2, 5))
def test_a_call_leaves_at_its_moment_or_not_at_all(late_s: float) -> None:
    slept: list[float] = []
    now = 1000.0
    with pytest.MonkeyPatch.context() as clock:
        clock.setattr(time, "monotonic", lambda: now + sum(slept))
        clock.setattr(time, "sleep", slept.append)
        if late_s > lateness.LATEST_S:
            with pytest.raises(SlotMissed):
                lateness.leave(now - late_s)
        else:
            lateness.leave(now - late_s)
    assert sum(slept) == pytest.approx(max(0.0, -late_s))


@pytest.mark.django_db
def test_who_missed_a_moment_gets_another_and_no_end_of_them() -> None:
    budget = limits.budget_for("https://a.example", "key", "")
    told: list[float] = []

    def call(leave_at: float) -> str:
        told.append(leave_at)
        if len(told) <= misses:
            raise SlotMissed("late")
        return "answer"

    misses = 2
    assert limits.within(budget.pk, call, wait_s=10) == "answer"
    assert len(told) == 3
    told.clear()
    misses = 1000
    with pytest.raises(Throttled, match="too busy"):
        limits.within(budget.pk, call, wait_s=10)
    assert len(told) == lateness.MOST_MISSES


@pytest.mark.django_db
@pytest.mark.usefixtures("clock_is_set")
@pytest.mark.parametrize("jump_s", [3600, -3600, 4000, -86_400])
def test_a_clock_that_was_set_frees_no_call_and_takes_none(jump_s: int) -> None:
    budget = limits.budget_for("https://a.example", "key", "")
    start = time.time()
    for _ in range(4):
        limits.reserve_token_call(budget.pk)
    for _ in range(5):
        limits.reserve_call(budget.pk, wait_s=10)
    with time_machine.travel(start + jump_s):
        assert 0.5 < limits.reserve_call(budget.pk, wait_s=10) - time.monotonic() <= WINDOW / 1000
        limits.reserve_token_call(budget.pk)
        with pytest.raises(Throttled) as refused:
            limits.reserve_token_call(budget.pk)
        assert refused.value.retry_after == pytest.approx(3610, abs=10)


@pytest.mark.django_db
@pytest.mark.usefixtures("clock_is_set")
@pytest.mark.parametrize("jump_s", [3600, -3600])
def test_a_pause_lasts_as_long_as_it_was_meant_to_however_the_clock_is_set(jump_s: int) -> None:
    budget = limits.budget_for("https://a.example", "key", "")
    limits.slow_down(budget.pk, 30)
    with time_machine.travel(time.time() + jump_s):
        with pytest.raises(Throttled) as refused:
            limits.reserve_call(budget.pk, wait_s=10)
        assert refused.value.retry_after == pytest.approx(30, abs=5)


@pytest.mark.django_db
@pytest.mark.usefixtures("clock_is_set")
def test_the_calls_of_the_day_are_still_counted_when_the_clock_was_set_over_midnight() -> None:
    budget = limits.budget_for("https://a.example", "key", "")
    for hours in (0, 24, 0, -24):
        with time_machine.travel(time.time() + hours * 3600):
            limits.reserve_call(budget.pk, wait_s=10)
    budget.refresh_from_db()
    assert budget.day_calls == 4


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_how_late_calls_were_is_not_forgotten_by_one_that_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    budget, began = five_calls_that_were_late(monkeypatch)
    with pytest.raises(Throttled):
        limits.reserve_call(budget.pk, wait_s=0.5)
    assert limits.reserve_call(budget.pk, wait_s=10) >= began + 0.9 + 1 - 0.1
