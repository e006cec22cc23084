"""An event from outside that cannot be made into anything holds nothing up: it is set aside, shown, and tried again."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from accounts.models import User
from events import inbound, webhooks
from events.models import Event, Notification, SetAside
from instances.models import Instance
from polling import dispatch
from tests import rows

pytestmark = pytest.mark.django_db(databases="__all__", transaction=True)
POISON = '{"id": "poison"}'
make_change = inbound._change


@pytest.fixture
def instance(user: User) -> Instance:
    return rows.instance(user)


@pytest.fixture
def _poison(monkeypatch: pytest.MonkeyPatch) -> None:
    """One payload that the hub has a defect about."""

    def change(event: Event, *more: Any) -> Any:
        if event.provider_data == POISON:
            raise RuntimeError("defect about Email=jane@example.com")
        return make_change(event, *more)

    monkeypatch.setattr(inbound, "_change", change)


def store(instance: Instance, *payloads: str) -> None:
    for payload in payloads:
        inbound.store([instance.pk], payload, webhooks.meaning_of(payload), timezone.now())


@pytest.mark.usefixtures("_poison")
def test_the_others_pass_and_it_is_kept_with_its_problem(instance: Instance) -> None:
    store(instance, '{"id": "1"}', POISON, '{"id": "2"}')
    now = timezone.now()
    assert inbound.arrange(now) == 3
    assert [event.status for event in Event.objects.order_by("pk")] == ["DISPATCHED", "NEW", "DISPATCHED"]
    assert Notification.objects.count() == 2
    row = SetAside.objects.get()
    assert (row.event.provider_data, row.failures, row.since) == (POISON, 1, now)
    assert "RuntimeError: defect" in row.problem
    assert inbound.arrange(now) == 0, "nothing is tried again at once"
    store(instance, '{"id": "3"}')
    assert inbound.arrange(now) == 1
    assert Notification.objects.count() == 3


@pytest.mark.usefixtures("_poison")
def test_it_is_tried_again_after_pauses_that_grow_to_half_an_hour(instance: Instance) -> None:
    store(instance, POISON)
    now, pauses = timezone.now(), []
    for _ in range(12):
        assert inbound.arrange(now) == 1
        again_at = SetAside.objects.get().again_at
        pauses.append((again_at - now).total_seconds())
        assert inbound.arrange(again_at - timedelta(milliseconds=1)) == 0
        now = again_at
    assert pauses[:4] == [5, 10, 20, 40]
    assert pauses[-1] == 1800


def test_once_the_defect_is_mended_it_goes_its_way(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    store(instance, POISON)
    with monkeypatch.context() as broken:
        broken.setattr(inbound, "_change", lambda *_: 1 / 0)
        inbound.arrange(timezone.now())
    inbound.arrange(SetAside.objects.get().again_at)
    assert not SetAside.objects.exists()
    assert Event.objects.get().status == "DISPATCHED"


def test_a_database_that_is_away_sets_nothing_aside(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    store(instance, '{"id": "1"}')

    def away(*_: Any) -> Any:
        raise OperationalError("the database system is shutting down")

    with monkeypatch.context() as broken:
        broken.setattr(inbound, "_change", away)
        with pytest.raises(OperationalError):
            inbound.arrange(timezone.now())
    assert not SetAside.objects.exists()
    assert inbound.arrange(timezone.now()) == 1


@pytest.mark.usefixtures("_poison")
def test_it_is_shown_and_wakes_nobody_before_its_time(
    instance: Instance, user: User, client: Client, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.MASKED_FIELDS = ["email"]
    store(instance, POISON)
    inbound.arrange(timezone.now())
    client.force_login(user)
    text = client.get("/console/").content.decode()
    assert f"{instance.name}: event {Event.objects.get().pk}" in text
    assert "defect about Email=********" in text
    woken: list[str] = []
    monkeypatch.setattr("acton_hub.queue.wake", woken.append)
    dispatch.dispatch()
    assert "events.tasks.arrange" not in woken
    SetAside.objects.update(again_at=timezone.now() - timedelta(seconds=1))
    dispatch.dispatch()
    assert "events.tasks.arrange" in woken


def test_large_events_are_taken_a_few_at_a_time(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbound, "MOST_CHARACTERS", 100)
    store(instance, *(f'{{"id": "{number}", "text": "{"x" * 40}"}}' for number in range(4)), f'"{"x" * 500}"', "{}")
    woken: list[str] = []
    monkeypatch.setattr(inbound, "wake", woken.append)
    assert [inbound.arrange(timezone.now()) for _ in range(5)] == [2, 2, 1, 1, 0]
    assert len(woken) == 3, "as long as something is left"
    assert Notification.objects.count() == 6
