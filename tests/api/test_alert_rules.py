"""That each alert rule of docs/monitoring fires in its situation, and that the dashboard asks for what there is."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from django_q.brokers import get_broker

from accounts.models import Organization, User
from acton_hub import tallies
from acton_hub.models import Heartbeat
from alerts.models import Alert, Kind, Message
from elements.acton import limits
from elements.models import CallBudget, Connection
from events import recording
from events.models import Delivery, Event, EventStatus, Notification, Subscription
from polling.models import Poller
from tests import rows
from tests.api.scrapes import METRIC, Scrape, fires

pytestmark = pytest.mark.django_db(databases="__all__")
FOLDER = Path(__file__).parents[2] / "docs" / "monitoring"
RULES = dict(re.findall(r"- alert: (\w+)\n\s+expr: (.*)\n", (FOLDER / "alerts.yml").read_text()))


@pytest.fixture
def polled(user: User) -> Iterator[Poller]:
    """A poller that was polled just now, and a delivery that waits."""
    row = rows.instance(user)
    rows.record(row, rows.changes(1))
    now_ms = int(timezone.now().timestamp() * 1000)
    Poller.objects.update(started_ms=now_ms, checked_ms=now_ms)
    Heartbeat.objects.beat("cluster:host:1")
    Heartbeat.objects.beat("dispatcher:host:1")
    _empty_queue()
    yield row.pollers.get()
    _empty_queue()


def _empty_queue() -> None:
    get_broker().purge_queue()


def ago(**term: float) -> Any:
    return timezone.now() - timedelta(**term)


def new_events(number: int) -> None:
    instance = Poller.objects.get().instance
    Event.objects.bulk_create(
        Event(instance=instance, event_date=timezone.now(), status=EventStatus.NEW) for _ in range(number)
    )


def fill_queue(number: int) -> None:
    for each in range(number):
        get_broker().enqueue(f"wake-up {each}")


def due_deliveries(number: int) -> None:
    organization = Organization.objects.get()
    subscriptions = Subscription.objects.bulk_create(Subscription(organization=organization) for _ in range(number))
    recording.deliver(Notification.objects.values_list("pk", flat=True), subscriptions, timezone.now())


def throttle(times: int) -> None:
    for _ in range(times):
        limits.slow_down(CallBudget.objects.get().pk, 0.001)


def failing_requests() -> None:
    tallies.add(tallies.observed("request_seconds", [0.1] * 11, "instances", "500"))


def untold_alert() -> None:
    alert = Alert.objects.create(
        organization=Organization.objects.get(), kind=Kind.TEST, subject="t", text="t",
        seen_at=ago(hours=1), began_at=ago(hours=1), ended_at=ago(hours=1),
    )  # fmt: skip
    Message.objects.create(alert=alert, channel="mail", moment="began", next_attempt_at=ago(), attempts=3)


SITUATIONS: dict[str, Callable[[], Any]] = {
    "HubDoesNotAnswer": lambda: settings.METRICS_ALLOW.clear(),
    "NoWorker": lambda: Heartbeat.objects.filter(name__startswith="cluster").update(beat_at=ago(minutes=1)),
    "PollerLags": lambda: Poller.objects.update(checked_ms=1),
    "PollersFail": lambda: Poller.objects.update(failures=1),
    "PollerNotQueued": lambda: Poller.objects.update(next_poll_at=ago(minutes=2)),
    "DeliveriesWait": lambda: Delivery.objects.update(
        status="retry", created_at=ago(hours=2), next_attempt_at=ago(hours=-1)
    ),
    "DeliveriesNotAttempted": lambda: due_deliveries(1001),
    "CallbackFails": lambda: Subscription.objects.update(failing_since=ago(hours=2)),
    "CallbackGivenUp": lambda: Subscription.objects.update(active=False),
    "EventsFromOutsideWait": lambda: new_events(1001),
    "NeedsAuthentication": lambda: Connection.objects.update(problem="Unauthorized"),
    "DailyCallsNearEnd": lambda: CallBudget.objects.update(day=timezone.now().date(), day_calls=24_001),
    "ActOnThrottles": lambda: throttle(6),
    "TokensAreNotRenewed": lambda: tallies.add(tallies.count("refreshes", "failed", 6)),
    "QueueFills": lambda: fill_queue(101),
    "RequestsFail": failing_requests,
    "OperatorsAreNotTold": untold_alert,
}


def test_every_rule_has_its_situation() -> None:
    assert set(RULES) == set(SITUATIONS)


def test_when_all_is_well_no_rule_fires(client: Client, polled: Poller) -> None:
    before, now = Scrape(client), Scrape(client)
    assert not [name for name, expression in RULES.items() if fires(expression, now, before)]


@pytest.mark.parametrize("rule", SITUATIONS)
def test_a_rule_fires_in_its_situation_and_no_other_does(
    client: Client, polled: Poller, rule: str, settings: Any
) -> None:
    settings.METRICS_ALLOW = list(settings.METRICS_ALLOW)
    before = Scrape(client)
    SITUATIONS[rule]()
    now = Scrape(client)
    assert [name for name, expression in RULES.items() if fires(expression, now, before)] == [rule]


def test_the_dashboard_asks_for_metrics_that_there_are(client: Client, polled: Poller, settings: Any) -> None:
    settings.METRICS_BY_INSTANCE = True
    client.get("/version")  # so that there are request times
    board = json.loads((FOLDER / "dashboard.json").read_text())
    asked = {
        name for panel in board["panels"] for target in panel["targets"] for name in METRIC.findall(target["expr"])
    }
    assert len(asked) > 20
    assert asked <= Scrape(client).names
    assert {name for expression in RULES.values() for name in METRIC.findall(expression)} <= Scrape(client).names
