"""How many events there were (CONTRACT §5)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from events.models import Event
from instances.models import Instance
from tests import rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def instance(user: User) -> Instance:
    return rows.instance(user)


def analytics(api: Client, path: str = "", **query: Any) -> Any:
    response = api.get(f"/instances/events/analytics{path}", query)
    assert response.status_code == 200, response.content
    return response.json()


def test_events_are_counted_by_step_with_the_empty_ones(api: Client, instance: Instance) -> None:
    begin = datetime(2026, 3, 1, 10, tzinfo=UTC)
    for minutes in (0, 59, 60, 185):
        rows.record(instance, rows.changes(1, version=minutes + 1))
        Event.objects.filter(pk=Event.objects.latest("pk").pk).update(event_date=begin + timedelta(minutes=minutes))
    first = Event.objects.earliest("pk")
    Event.objects.filter(pk=first.pk).update(status="NOTIFIED")
    span = {"from": begin.isoformat(), "to": (begin + timedelta(hours=3)).isoformat()}
    found = analytics(api, **span, interval="hour")
    assert [(row["timestamp"][11:16], row["count"]) for row in found] == [
        ("10:00", 2), ("11:00", 1), ("12:00", 0), ("13:00", 1),
    ]  # fmt: skip
    day = analytics(api, "/instances", **span, interval="day")
    assert day == [
        {
            "total": 4,
            "count": 4,
            "timestamp": "2026-03-01T00:00:00Z",
            "records": [{"count": 4, "success": 1, "failed": 0, "instanceId": instance.pk}],
        }
    ]
    (account,) = analytics(api, "/accounts", **span, interval="month")
    assert account["records"][0]["accountId"] == instance.organization_id
    assert [row["timestamp"][:10] for row in analytics(api, **span, interval="week")] == ["2026-02-23"]
    assert len(analytics(api, **span, interval="minute")) == 181


@pytest.mark.parametrize(
    ("query", "status", "key"),
    [
        ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, 400, "from"),
        ({"interval": "year"}, 400, "interval"),
        ({"from": "0", "interval": "minute"}, 400, "interval"),
        ({"accountIds[]": "999999"}, 403, "accountIds"),
        ({"accountIds": str(2**70)}, 403, "accountIds"),
        ({"from": "yesterday"}, 400, "from"),
        ({"to": "0001-01-01T00:00:00Z"}, 400, "to"),
        ({"from": "a\0b"}, 400, "NUL"),
    ],
)
def test_analytics_that_cannot_be(api: Client, query: Any, status: int, key: str) -> None:
    response = api.get("/instances/events/analytics/accounts", query)
    assert response.status_code == status
    assert key in response.json()["message"]
