"""One change: its record, the poll that found it, the notification, the attempts."""

import json

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from console import records
from console.records import Field
from events import signing
from events.models import INBOUND, Delivery, EventStatus, Notification
from polling.models import Poll
from tests.console import rows


def page(browser: Client, change_id: int) -> str:
    response = browser.get(f"/console/events/{change_id}")
    assert response.status_code == 200
    return response.content.decode()


def test_a_record_is_shown_with_what_changed_in_it() -> None:
    record = json.dumps({"Email": "a@b.com", "City": "Rome", "Fax": None, "Score": 3, "More": {"a": [1]}})
    previous = json.dumps({"City": "London", "Score": None, "Phone": "123"})
    assert records.fields(record, previous) == [
        Field("Email", "a@b.com"),
        Field("City", "Rome", "London", True),
        Field("Fax", ""),
        Field("Score", "3", "", True),
        Field("More", '{\n  "a": [\n    1\n  ]\n}'),
        Field("Phone", "", "123", True),
    ]


@pytest.mark.parametrize("record", ["", "no JSON", "[1]", "12"])
def test_a_record_that_is_no_object_has_no_fields(record: str) -> None:
    assert records.fields(record, "") == []


def test_a_payload_that_is_no_object_is_shown_as_it_came(browser: Client, member: User) -> None:
    change = rows.change(rows.instance(member), record='["<verbatim>"]')
    assert "[&quot;&lt;verbatim&gt;&quot;]" in page(browser, change.pk)


def test_changed_fields_stand_beside_what_they_were(browser: Client, member: User) -> None:
    change = rows.change(rows.instance(member), previous='{"City": "Paris"}')
    text = page(browser, change.pk)
    assert "London" in text
    assert "Paris" in text
    assert text.count('class="changed"') == 1


def test_an_object_seen_for_the_first_time_has_no_before(browser: Client, member: User) -> None:
    text = page(browser, rows.change(rows.instance(member)).pk)
    assert "This object was not seen before" in text
    assert "Before</th>" not in text


def test_the_poll_that_found_it_is_shown(browser: Client, member: User) -> None:
    row = rows.instance(member)
    poller = rows.poller(row)
    poll = rows.poll(poller, trigger=Poll.Trigger.MANUAL, records_read=31, requests=2, events_created=5)
    text = page(browser, rows.change(row, poller=poller, poll=poll).pk)
    assert "31 records in 2 requests: 5 events" in text
    assert "manual" in text
    assert "modafter=" in text


def test_a_pruned_poll_is_told(browser: Client, member: User) -> None:
    assert "It is not kept any more" in page(browser, rows.change(rows.instance(member)).pk)


@pytest.mark.parametrize(("resource", "words"), [("test", "it is a test event"), ("webhook", "it came from outside")])
def test_what_no_poll_found_says_where_it_came_from(browser: Client, member: User, resource: str, words: str) -> None:
    change = rows.change(rows.instance(member), version=f"{INBOUND}1", object_type=resource)
    assert words in page(browser, change.pk)


def test_headers_are_said_to_be_those_of_an_attempt_to_come(browser: Client, member: User) -> None:
    change = rows.change(rows.instance(member))
    assert "an attempt made now would send" in page(browser, change.pk)
    assert "Each attempt before sent the same id" not in page(browser, change.pk)
    Delivery.objects.update(attempts_made=1)
    assert "Each attempt before sent the same id" in page(browser, change.pk)


def test_the_notification_is_shown_as_it_is_sent(browser: Client, member: User) -> None:
    change = rows.change(rows.instance(member))
    notification = Notification.objects.get()
    text = page(browser, change.pk)
    assert notification.body.decode().replace('"', "&quot;") in text
    headers = signing.headers(notification)
    assert f"Elements-Webhook-Id: {notification.webhook_id}" in text
    assert headers["Elements-Webhook-Signature"] in text.replace("&#x3D;", "=")
    assert "Authorization: Basic ********" in text


def test_the_others_of_its_batch_are_linked(browser: Client, member: User) -> None:
    row = rows.instance(member)
    change = rows.change(row)
    sibling = rows.change(row, "l-0001:sibling", event=change.event)
    assert f'href="/console/events/{sibling.pk}">l-0001:sibling</a>' in page(browser, change.pk)


def test_each_attempt_is_shown_with_its_answer(browser: Client, member: User) -> None:
    change = rows.change(
        rows.instance(member), event_status=EventStatus.CONSUMED, delivery_status=Delivery.Status.RETRY
    )
    delivery = rows.delivery(change)
    delivery.next_attempt_at = timezone.now().replace(2031, 5, 6, 7, 8, 9)
    delivery.save()
    rows.attempt(delivery, 1, status_code=None, error="The callback did not answer in time", duration_ms=15_004)
    rows.attempt(delivery, 2, status_code=503, error="The callback answered 503", response="<h1>down</h1>" + "x" * 5000)
    text = page(browser, change.pk)
    for shown in ("did not answer in time", "15004", "503", "&lt;h1&gt;down", "2031-05-06 07:08:09", ">retry<"):
        assert shown in text
    assert "The first 2000 of 5013 characters" in text
    assert len(text) < 20_000


def test_an_event_without_notification_says_so(browser: Client, member: User) -> None:
    change = rows.change(rows.instance(member))
    Notification.objects.all().delete()
    text = page(browser, change.pk)
    assert "None was made" in text
    assert "Nobody is told of this event" in text


@pytest.mark.parametrize("occurred_ms", [None, 0, -1, 2**62])
def test_any_date_in_a_record_can_be_shown(browser: Client, member: User, occurred_ms: int | None) -> None:
    page(browser, rows.change(rows.instance(member), occurred_ms=occurred_ms).pk)


def test_the_number_of_queries_does_not_grow(
    browser: Client, member: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    row = rows.instance(member)
    poller = rows.poller(row)
    change = rows.change(row, poller=poller, poll=rows.poll(poller))
    for number in range(9):
        rows.change(row, event=change.event)
        rows.attempt(rows.delivery(change), number)
    with django_assert_max_num_queries(12):
        page(browser, change.pk)
