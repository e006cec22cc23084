from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from acton_hub.models import Heartbeat, Lease

pytestmark = pytest.mark.django_db
TERM = timedelta(seconds=5)


def test_one_holds_it_and_renews_it() -> None:
    assert Lease.objects.acquire("office", "one", TERM)
    assert not Lease.objects.acquire("office", "other", TERM)
    assert Lease.objects.acquire("office", "one", TERM)


def test_another_takes_it_once_it_has_run_out() -> None:
    now = timezone.now()
    with time_machine.travel(now, tick=False):
        Lease.objects.acquire("office", "one", TERM)
    with time_machine.travel(now + TERM - timedelta(milliseconds=1), tick=False):
        assert not Lease.objects.acquire("office", "other", TERM)
    with time_machine.travel(now + TERM, tick=False):
        assert Lease.objects.acquire("office", "other", TERM)
        assert not Lease.objects.acquire("office", "one", TERM)


def test_another_takes_it_once_it_is_given_back() -> None:
    Lease.objects.acquire("office", "one", TERM)
    Lease.objects.release("office", "other")
    assert not Lease.objects.acquire("office", "other", TERM)
    Lease.objects.release("office", "one")
    assert Lease.objects.acquire("office", "other", TERM)


def test_a_clock_set_back_does_not_keep_it_for_ever() -> None:
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        Lease.objects.acquire("office", "one", TERM)
    assert Lease.objects.acquire("office", "other", TERM)


def test_two_offices_are_independent() -> None:
    assert Lease.objects.acquire("office", "one", TERM)
    assert Lease.objects.acquire("another office", "other", TERM)


def test_a_heart_is_young_for_a_while_after_each_beat() -> None:
    now = timezone.now()
    for at in (now - timedelta(minutes=1), now):
        with time_machine.travel(at, tick=False):
            Heartbeat.objects.beat("cluster:here:1")
    assert Heartbeat.objects.count() == 1
    assert Heartbeat.objects.young(now + timedelta(seconds=15)).exists()
    assert not Heartbeat.objects.young(now + timedelta(seconds=16)).exists()
    assert not Heartbeat.objects.young(now - timedelta(hours=1)).exists()
