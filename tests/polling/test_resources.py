"""Pollers of other resources, backfill, preview, and the older form of the configuration (CONTRACT §4, §7, §9)."""

import json
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from elements.acton.default_poller import OFFERED
from events import delivery
from events.models import Change, TrackedObject
from instances.models import Instance
from polling import legacy, provisioning
from polling.models import Poll, Poller, Position
from polling.order import Order
from polling.tasks import run_due_polls
from tests.act_on import Sandbox

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")
CONTACTS = {
    "url": "/hubs/marketing/lists/{listId}/contacts?where=modafter='${epoch}'",
    "idField": "_contact_id_",
    "datesConfiguration": {"updatedDateField": "__modified_date", "createdDateField": "__created_date"},
}


def make(user: User, act_on: Sandbox, pollers: Any, **configuration: Any) -> Instance:
    body = act_on.body(**{"event.poller.configuration": pollers, **configuration})
    raw = {key: value for key, value in body["configuration"].items() if value is not None}
    grant = provisioning.Grant(code=body["providerData"]["code"])
    return provisioning.create(user, name="n", tags=[], raw=raw, grant=grant)


def poll(instance: Instance) -> list[Poll]:
    queued = [provisioning.poll_now(poller) for poller in instance.pollers.select_related("instance__connection")]
    run_due_polls()
    return [Poll.objects.get(pk=each.pk) for each in queued]


def told() -> list[tuple[str, str]]:
    return list(Change.objects.order_by("pk").values_list("object_type", "event_type"))


def test_campaigns_can_be_polled_by_copying_the_configuration(user: User, act_on: Sandbox, api: Client) -> None:
    instance = make(user, act_on, {"campaigns": {"url": "/hubs/marketing/campaigns", "idField": "msg_id"}})
    assert [each.status for each in poll(instance)] == ["succeeded"]
    assert told() == [], "without a date, the first poll takes stock"
    assert TrackedObject.objects.count() == 2
    hub = Client(headers={"Authorization": f"User {user.secret}, Element {instance.token}"})
    made = hub.post("/campaigns", json.dumps({"title": "Spring"}), content_type="application/json").json()["id"]
    hub.patch("/campaigns/m-0001", json.dumps({"subject": "Changed"}), content_type="application/json")
    poll(instance)
    poll(instance)
    assert sorted(told()) == [("campaigns", "CREATED"), ("campaigns", "UPDATED")]
    assert Change.objects.get(event_type="CREATED").object_id == made
    assert "subject" in Change.objects.get(event_type="UPDATED").previous


@pytest.mark.parametrize("resource", OFFERED)
def test_what_the_form_offers_can_be_polled(user: User, act_on: Sandbox, resource: str) -> None:
    instance = make(user, act_on, {resource: OFFERED[resource]})
    (done,) = poll(instance)
    assert (done.status, done.records_skipped, done.error) == ("succeeded", 0, "")
    assert done.records_read
    act_on.account("POST", "/lists", {"name": "Third"})
    assert [each.status for each in poll(instance)] == ["succeeded"]
    assert told() == ([("lists", "CREATED")] if resource == "lists" else [])


def test_several_resources_side_by_side(user: User, act_on: Sandbox) -> None:
    instance = make(
        user,
        act_on,
        {
            "contacts": CONTACTS,
            "forms": {"url": "/forms", "idField": "id", "pageSize": 1},
            "one list": {**CONTACTS, "url": "/lists/l-0002/contacts?where=modafter='${epoch}' AND Company = 'Acme'"},
        },
    )
    poll(instance)
    act_on.account("POST", "/lists/l-0002/contacts", [{"Company": "Acme"}, {"Company": "Other"}])
    assert [each.status for each in poll(instance)] == ["succeeded"] * 3
    assert sorted(told()) == [("contacts", "CREATED")] * 2 + [("one list", "CREATED")]


def test_lists_to_include_and_to_leave_out(user: User, act_on: Sandbox) -> None:
    act_on.account("POST", "/lists", {"name": "Third"})
    lists = {"include": ["l-0001", "l-0002"], "exclude": ["l-0002"]}
    instance = make(user, act_on, {"contacts": {**CONTACTS, "lists": lists}})
    for list_id in ("l-0001", "l-0002", "l-0003"):
        act_on.account("POST", f"/lists/{list_id}/contacts", {"Email": "ada@example.com"})
    poll(instance)
    assert list(Change.objects.values_list("object_id", flat=True)) == ["l-0001:4"]
    assert list(Position.objects.values_list("list_id", flat=True)) == ["l-0001"]


@pytest.mark.parametrize("pattern", ["yyyy-MM-dd HH:mm:ss", "EEE, dd MMM yyyy HH:mm:ss Z"])
def test_dates_as_text_are_read(user: User, act_on: Sandbox, pattern: str) -> None:
    """A column of one's own with a date in it, in a zone with daylight saving."""
    dates = {"updatedDateField": "Company", "updatedDateFormat": pattern, "updatedDateTimezone": "America/New_York"}
    instance = make(user, act_on, {"contacts": {**CONTACTS, "datesConfiguration": dates}})
    old, new = ("2016-07-01 08:00:00", "2099-07-01 08:00:00")
    if pattern.startswith("EEE"):
        old, new = ("Fri, 01 Jul 2016 08:00:00 -0400", "Wed, 01 Jul 2099 08:00:00 -0400")
    act_on.account("POST", "/lists/l-0001/contacts", [{"Company": old}, {"Company": new}])
    poll(instance)
    (change,) = Change.objects.all()
    assert change.object_id == "l-0001:5"
    assert change.occurred_ms == 4_086_590_400_000


def test_a_record_whose_date_cannot_be_read_is_skipped_and_counted(user: User, act_on: Sandbox) -> None:
    dates = {"updatedDateField": "Company", "updatedDateFormat": "yyyy-MM-dd"}
    instance = make(user, act_on, {"contacts": {**CONTACTS, "datesConfiguration": dates}})
    act_on.account("POST", "/lists/l-0001/contacts", [{"Company": "soon"}, {"Company": "2099-01-01"}])
    (done,) = poll(instance)
    assert (done.status, done.records_skipped, done.events_created) == ("succeeded", 1, 1)
    assert "soon" in done.error


@pytest.mark.parametrize(("ahead", "expected"), [(False, 1), (True, 0)])
def test_what_is_dated_after_the_poll_may_be_left_to_the_next(
    user: User, act_on: Sandbox, ahead: bool, expected: int
) -> None:
    instance = make(user, act_on, {"contacts": {**CONTACTS, "filterByCurrentDate": ahead}})
    act_on.account("PATCH", "", {"clock_offset_ms": 3_600_000})
    act_on.account("POST", "/lists/l-0001/contacts", {"Email": "ada@example.com"})
    act_on.account("PATCH", "", {"clock_offset_ms": 0})
    poll(instance)
    assert Change.objects.count() == expected


def backfill(api: Client, instance: Instance, **body: Any) -> Poll:
    text = json.dumps({"resource": "contacts", **body})
    response = api.post(f"/instances/{instance.pk}/backfill", text, content_type="application/json")
    assert response.status_code == 200, response.content
    run_due_polls()
    return Poll.objects.get(pk=response.json()["pollId"])


def test_a_backfill_brings_everything_and_moves_nothing(user: User, api: Client, act_on: Sandbox) -> None:
    instance = make(user, act_on, {"contacts": CONTACTS})
    act_on.account("POST", "/lists/l-0001/contacts", {"Email": "ada@example.com"})
    poll(instance)
    positions = list(Position.objects.order_by("pk").values_list("list_id", "position_ms"))
    dry = backfill(api, instance, **{"from": 0, "dryRun": True})
    assert (dry.status, dry.events_created, dry.repeated) == ("succeeded", 6, 1)
    assert Change.objects.count() == 1
    done = backfill(api, instance, **{"from": 0})
    assert (done.trigger, done.events_created, done.repeated) == ("backfill", 6, 1)
    assert Change.objects.count() == 7
    assert backfill(api, instance, **{"from": "2000-01-01T00:00:00Z"}).events_created == 0
    assert list(Position.objects.order_by("pk").values_list("list_id", "position_ms")) == positions
    poll(instance)
    assert Change.objects.count() == 7


def test_a_backfill_may_deliver_again_what_was_delivered(user: User, api: Client, act_on: Sandbox) -> None:
    instance = make(user, act_on, {"contacts": CONTACTS})
    act_on.account("POST", "/lists/l-0001/contacts", {"Email": "ada@example.com"})
    poll(instance)
    while delivery.deliver_batch("test", 50):
        pass
    backfill(api, instance, **{"from": 0, "redeliver": True})
    while delivery.deliver_batch("test", 50):
        pass
    messages = act_on.inbox()
    assert len(messages) == 4
    ids = [message["headers"]["Elements-Webhook-Id"] for message in messages]
    assert len(set(ids)) == 3
    again = [message["text"] for message in messages if ids.count(message["headers"]["Elements-Webhook-Id"]) == 2]
    assert len(set(again)) == 1


def test_a_backfill_of_one_list(user: User, api: Client, act_on: Sandbox) -> None:
    instance = make(user, act_on, {"contacts": CONTACTS})
    done = backfill(api, instance, **{"from": 0, "list": "l-0002"})
    assert (done.status, done.events_created) == ("succeeded", 3)
    assert {object_id.partition(":")[0] for object_id in Change.objects.values_list("object_id", flat=True)} == {
        "l-0002"
    }
    unknown = backfill(api, instance, **{"from": 0, "list": "l-9999"})
    assert (unknown.status, unknown.error) == ("failed", "list l-9999: is not one that this poller covers")


@pytest.mark.parametrize(
    ("body", "status", "key"),
    [
        ({"resource": "contacts"}, 400, "from"),
        ({"from": 0}, 400, "resource"),
        ({"resource": "contacts", "from": "soon"}, 400, "from"),
        ({"resource": "campaigns", "from": 0}, 404, "resource"),
    ],
)
def test_a_backfill_that_cannot_be(user: User, api: Client, act_on: Sandbox, body: Any, status: int, key: str) -> None:
    instance = make(user, act_on, {"contacts": CONTACTS})
    response = api.post(f"/instances/{instance.pk}/backfill", json.dumps(body), content_type="application/json")
    assert response.status_code == status
    assert key in response.json()["message"]
    assert not Poll.objects.exists()


def test_a_preview_moves_and_stores_nothing(user: User, api: Client, act_on: Sandbox) -> None:
    """Elsewhere a manual test moved the position."""
    instance = make(user, act_on, {"contacts": CONTACTS})
    poll(instance)
    before = (list(Position.objects.values()), list(Poller.objects.values()), Poll.objects.count())
    act_on.account("POST", "/lists/l-0001/contacts", {"Email": "ada@example.com"})
    for body in (CONTACTS, {"contacts": CONTACTS}):
        text = json.dumps(body)
        response = api.post(f"/instances/{instance.pk}/poll/preview", text, content_type="application/json")
        (found,) = [row for row in response.json() if row["eventType"]]
        assert (found["objectId"], found["eventType"], found["reason"]) == ("l-0001:4", "CREATED", None)
    everything = {**CONTACTS, "url": "/lists/{listId}/contacts"}
    response = api.post(
        f"/instances/{instance.pk}/poll/preview", json.dumps(everything), content_type="application/json"
    )
    assert len(response.json()) == 7
    assert sum("not later than" in (row["reason"] or "") for row in response.json()) == 6
    assert before == (list(Position.objects.values()), list(Poller.objects.values()), Poll.objects.count())
    assert not Change.objects.exists()
    assert not TrackedObject.objects.exists()


def test_a_preview_names_what_is_wrong_with_a_configuration(user: User, api: Client, act_on: Sandbox) -> None:
    instance = make(user, act_on, {"contacts": CONTACTS})
    text = json.dumps({**CONTACTS, "url": "/nothing"})
    response = api.post(f"/instances/{instance.pk}/poll/preview", text, content_type="application/json")
    assert response.status_code == 400
    assert "contacts.url" in response.json()["message"]


LINE = (
    "contacts|/hubs/marketing/lists/{listId}/contacts?where=modafter='${epoch}'|"
    "|__modified_date|milliseconds||__created_date"
)


def test_the_older_form_is_translated() -> None:
    assert legacy.entries(f"{LINE}\n\ncampaigns|/campaigns\n") == {
        "contacts": {
            "url": "/hubs/marketing/lists/{listId}/contacts?where=modafter='${epoch}'",
            "idField": "_contact_id_",
            "datesConfiguration": {
                "updatedDateField": "__modified_date",
                "updatedDateFormat": "milliseconds",
                "createdDateField": "__created_date",
            },
        },
        "campaigns": {"url": "/campaigns", "idField": "id"},
    }


@pytest.mark.parametrize("text", ["contacts", "contacts|", f"{LINE}\n|/x", "a|/lists|//x", "a|" * 12])
def test_an_older_line_at_fault_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="line"):
        legacy.entries(text)


def test_the_older_form_polls(user: User, act_on: Sandbox) -> None:
    body = act_on.body(**{legacy.KEY: LINE})
    grant = provisioning.Grant(code=body["providerData"]["code"])
    instance = provisioning.create(user, name="n", tags=[], raw=body["configuration"], grant=grant)
    act_on.account("POST", "/lists/l-0001/contacts", {"Email": "ada@example.com"})
    poll(instance)
    assert told() == [("contacts", "CREATED")]


def dated(*moments: int) -> list[dict[str, Any]]:
    return [{"id": number, "t": moment} for number, moment in enumerate(moments)]


def test_reading_may_end_early_only_where_the_newest_come_first() -> None:
    entry = {"url": "/campaigns", "idField": "id", "datesConfiguration": {"updatedDateField": "t"}}
    from polling.configuration import load

    configuration = load(entry, "x")
    order = Order()
    assert not order.is_old_enough(dated(9, 8, 7), 5, configuration)
    assert not order.is_old_enough(dated(7, 6, 5), 5, configuration)
    assert order.is_old_enough(dated(5, 4), 5, configuration)
    risen = Order()
    assert not risen.is_old_enough(dated(3, 4), 5, configuration)
    assert not risen.is_old_enough(dated(2, 1), 5, configuration)
    assert not Order().is_old_enough([{"id": 1}], 5, configuration)
    assert not Order().is_old_enough([], 5, configuration)
