"""`/metrics`, and that each alert rule fires in the situation that it is for (CONTRACT §9)."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from acton_hub.models import Heartbeat
from elements.models import CallBudget, Connection
from events.models import Delivery, Subscription
from polling.models import Poller
from tests import rows

pytestmark = pytest.mark.django_db
RULES = Path(__file__).parents[2] / "docs" / "monitoring" / "alerts.yml"


def figures(client: Client) -> dict[str, float]:
    """Every series that `/metrics` tells, by name and labels."""
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain")
    lines = [line for line in response.content.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def rules() -> dict[str, str]:
    """The expressions of the alert rules, by name."""
    return dict(re.findall(r"- alert: (\w+)\n\s+expr: (.*)\n", RULES.read_text()))


def fires(rule: str, found: dict[str, float]) -> bool:
    """Whether the rule holds: that a metric, or the largest of its series, is greater than a number."""
    match = re.match(r"(?:max\()?(\w+)\)? > ([\d. *]+)", rules()[rule])
    assert match, rules()[rule]
    bound = 1.0
    for factor in match[2].split("*"):
        bound *= float(factor)
    return max((value for name, value in found.items() if name.partition("{")[0] == match[1]), default=0.0) > bound


@pytest.fixture
def polled(user: User) -> Poller:
    """A poller that was polled just now, and a delivery that waits."""
    row = rows.instance(user)
    rows.record(row, rows.changes(1))
    now_ms = int(timezone.now().timestamp() * 1000)
    Poller.objects.update(started_ms=now_ms, checked_ms=now_ms)
    Heartbeat.objects.beat("cluster:host:1")
    return row.pollers.get()


SITUATIONS = {
    "PollerLags": lambda: Poller.objects.update(checked_ms=1),
    "PollerNotQueued": lambda: Poller.objects.update(next_poll_at=timezone.now() - timedelta(minutes=2)),
    "DeliveriesWait": lambda: Delivery.objects.update(created_at=timezone.now() - timedelta(hours=2)),
    "CallbackFails": lambda: Subscription.objects.update(failing_since=timezone.now() - timedelta(hours=2)),
    "NeedsAuthentication": lambda: Connection.objects.update(problem="Unauthorized"),
    "DailyCallsNearEnd": lambda: CallBudget.objects.update(day=timezone.now().date(), day_calls=24_001),
    "NoWorker": lambda: Heartbeat.objects.update(beat_at=timezone.now() - timedelta(minutes=1)),
}


def test_when_all_is_well_no_rule_fires(client: Client, polled: Poller) -> None:
    found = figures(client)
    assert not [rule for rule in rules() if fires(rule, found)]
    assert found['acton_hub_poller_lag_seconds_bucket{le="60"}'] == 1
    assert found['acton_hub_deliveries{status="created"}'] == 1


@pytest.mark.parametrize("rule", SITUATIONS)
def test_a_rule_fires_in_its_situation(client: Client, polled: Poller, rule: str) -> None:
    SITUATIONS[rule]()
    found = figures(client)
    assert [name for name in rules() if fires(name, found)] == [rule]


def test_deliveries_that_nobody_attempts_fire(client: Client, polled: Poller) -> None:
    delivery = Delivery.objects.get()
    others = rows.instance(polled.instance.user, connection=polled.instance.connection)
    rows.record(others, rows.changes(10_010))
    assert delivery.next_attempt_at
    assert fires("DeliveriesNotAttempted", figures(client))


def test_every_rule_has_its_situation() -> None:
    assert set(rules()) == {*SITUATIONS, "DeliveriesNotAttempted"}
