"""`/instances/{id}/events` (CONTRACT §5)."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from accounts import bootstrap
from accounts.models import User
from events.models import Event, Notification
from events.notification_body import iso
from instances.models import Instance
from tests import rows

pytestmark = pytest.mark.django_db
MOMENTS = [
    datetime(2026, 3, 1, 10, 20, 30, tzinfo=UTC),
    datetime(2026, 3, 1, 10, 20, 30, 400, tzinfo=UTC),
    datetime(2026, 3, 1, 10, 20, 30, 120000, tzinfo=UTC),
    datetime(2026, 3, 1, 10, 20, 30, 999999, tzinfo=UTC),
]


@pytest.fixture
def instance(user: User) -> Instance:
    return rows.instance(user)


def get(api: Client, instance: Instance, **query: Any) -> Any:
    response = api.get(f"/instances/{instance.pk}/events", query)
    assert response.status_code == 200, response.content
    return response


def test_an_event_is_shown_with_what_came_and_what_was_sent(api: Client, instance: Instance) -> None:
    for moment in MOMENTS:
        rows.record(instance, rows.changes(1, version=MOMENTS.index(moment) + 1))
        Event.objects.filter(pk=Event.objects.latest("pk").pk).update(event_date=moment)
    told = Event.objects.latest("pk")
    odd = 'quote " backslash \\ line \n snow \N{SNOWMAN} <b>'
    Event.objects.filter(pk=told.pk).update(status="NOTIFIED", provider_data=odd)
    shown = get(api, instance).json()
    assert [row["eventDate"] for row in shown] == [iso(moment) for moment in reversed(MOMENTS)]
    assert shown[0] == {
        "id": str(told.pk),
        "instanceId": instance.pk,
        "objectType": "contacts",
        "eventDate": "2026-03-01T10:20:30.999Z",
        "status": "NOTIFIED",
        "providerData": odd,
        "notifiedData": [Notification.objects.get(event=told).body.decode()],
    }
    assert shown[1]["status"] == "DISPATCHED"
    assert shown[1]["notifiedData"] == []
    assert api.get(f"/instances/{instance.pk}/events/{told.pk}").json() == shown[0]


def test_pages_neither_skip_nor_repeat_while_events_come_in(api: Client, instance: Instance) -> None:
    rows.record(instance, rows.changes(70))
    wanted = [str(pk) for pk in Event.objects.order_by("-pk").values_list("pk", flat=True)]
    met, query = [], {"pageSize": 3}
    while True:
        page = get(api, instance, **query)
        assert page.headers["Elements-Returned-Count"] == str(len(page.json()))
        met += [row["id"] for row in page.json()]
        rows.record(instance, rows.changes(1, version=len(met) + 1))
        if "Elements-Next-Page-Token" not in page.headers:
            break
        query["nextPage"] = page.headers["Elements-Next-Page-Token"]
    assert met == wanted
    assert [row["id"] for row in get(api, instance, pageSize=5, page=2).json()] == [
        str(pk) for pk in Event.objects.order_by("-pk").values_list("pk", flat=True)[5:10]
    ]


def test_a_last_page_that_is_full_has_no_token(api: Client, instance: Instance) -> None:
    rows.record(instance, rows.changes(20))
    assert "Elements-Next-Page-Token" in get(api, instance, pageSize=1).headers
    assert "Elements-Next-Page-Token" not in get(api, instance, pageSize=2).headers


def test_events_of_a_time_range_and_of_nobody_elses_instance(api: Client, instance: Instance) -> None:
    assert get(api, instance).json() == []
    rows.record(instance, rows.changes(1))
    Event.objects.update(event_date=MOMENTS[0])
    span = {"from": "2026-03-01T10:20:30Z", "to": "2026-03-01T10:20:30Z"}
    assert len(get(api, instance, **span).json()) == 1
    assert get(api, instance, **{"from": "2026-03-01T10:20:31Z"}).json() == []
    stranger = bootstrap.create_organization("Other", "stranger@example.com")[1]
    assert api.get(f"/instances/{rows.instance(stranger).pk}/events").status_code == 404
    assert api.get("/instances/999999/events").status_code == 404
