"""Why did it not arrive? Each reason that there can be, told where it holds and only there."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from elements.acton.default_poller import DEFAULT
from events import retry
from events.models import Delivery, EventStatus, Subscription, TrackedObject
from instances.models import Instance
from polling.models import Poll, Poller
from tests.act_on import Sandbox
from tests.conftest import authorization
from tests.console import rows
from tests.console.rows import NOW_MS

ID = "l-0001:12"


def why(browser: Client, **query: Any) -> str:
    response = browser.get("/console/events/why", {"object_id": ID} | query)
    assert response.status_code == 200
    return response.content.decode()


@pytest.fixture
def instance(member: User) -> Instance:
    return rows.instance(member)


@pytest.fixture
def poller(instance: Instance) -> Poller:
    """It polls, in time, and its last poll ended well."""
    row = rows.poller(instance, next_poll_at=timezone.now() + timedelta(minutes=5))
    rows.position(row)
    rows.poll(row, records_read=31)
    return row


def configured(poller: Poller, **changed: Any) -> None:
    poller.configuration = DEFAULT["contacts"] | changed
    poller.save()


def tracked(poller: Poller, **fields: Any) -> TrackedObject:
    values = {"version": f"{NOW_MS}:abc", "record": "{}", "sequence": 1, "list_id": "l-0001"} | fields
    return TrackedObject.objects.create(poller=poller, object_id=ID, **values)


def disabled(poller: Poller) -> None:
    Instance.objects.update(disabled=True)


def paused(poller: Poller) -> None:
    Instance.objects.update(paused=True)


def without_events(poller: Poller) -> None:
    Instance.objects.update(events_enabled=False)


def unauthenticated(poller: Poller) -> None:
    connection = poller.instance.connection
    connection.problem, connection.problem_since = "invalid_grant", timezone.now()
    connection.save()


def excluded(poller: Poller) -> None:
    configured(poller, lists={"exclude": ["l-0001"]})


def not_included(poller: Poller) -> None:
    configured(poller, lists={"include": ["l-0002"]})


def of_another_list(poller: Poller) -> None:
    configured(poller, url="/hubs/marketing/lists/l-0002/contacts")


def filtered_by_url(poller: Poller) -> None:
    configured(poller, url="/hubs/marketing/lists/{listId}/contacts?where=City='Rome'")


def by_created_date(poller: Poller) -> None:
    configured(poller, filterByUpdatedDate=False)


def unusable(poller: Poller) -> None:
    configured(poller, url="/nowhere")


def poll_failed(poller: Poller) -> None:
    rows.poll(poller, Poll.Status.FAILED, error="Act-On's own words")
    Poller.objects.update(failures=2)


def never_polled(poller: Poller) -> None:
    Poll.objects.all().delete()


def late(poller: Poller) -> None:
    Poller.objects.update(next_poll_at=timezone.now() - timedelta(hours=1))


def unread_list(poller: Poller) -> None:
    poller.positions.all().delete()


def left_out(poller: Poller) -> None:
    rows.poll(poller, records_skipped=3, error="skipped: the record has no id in '_contact_id_'")
    rows.poll(poller)


def no_callback(poller: Poller) -> None:
    poller.instance.configuration.pop("event.notification.callback.url")
    poller.instance.save()


def deactivated(poller: Poller) -> None:
    Subscription.objects.update(active=False)


def failing_callback(poller: Poller) -> None:
    Subscription.objects.update(failing_since=timezone.now())


def pruned(poller: Poller) -> None:
    tracked(poller, sequence=4)


def deleted(poller: Poller) -> None:
    tracked(poller, deleted=True)


REASONS: list[tuple[Callable[[Poller], None], str]] = [
    (disabled, "The instance is disabled"),
    (paused, "It is paused"),
    (without_events, "Events are not enabled"),
    (unauthenticated, "It needs authentication: Act-On refused the hub"),
    (excluded, "List l-0001 is excluded from the poller of contacts"),
    (not_included, "List l-0001 is not among those that contacts reads"),
    (of_another_list, "The poller of contacts reads list l-0002 alone, not l-0001"),
    (filtered_by_url, "has a filter of its own"),
    (by_created_date, "are compared by their created date"),
    (unusable, "The poller of contacts cannot be used"),
    (poll_failed, "The last poll of contacts failed"),
    (never_polled, "contacts were not polled yet; the first poll is due"),
    (late, "contacts should have been polled"),
    (unread_list, "List l-0001 was not read yet"),
    (left_out, "left out 3 records that it could not read"),
    (no_callback, "It has no callback URL"),
    (deactivated, "the subscription was deactivated"),
    (failing_callback, "Its callback has accepted nothing since"),
    (pruned, "4 of its changes are not kept any more"),
    (deleted, "It was deleted in Act-On"),
]


@pytest.mark.parametrize(("arranged", "words"), REASONS)
def test_each_reason_is_told_where_it_holds(
    browser: Client, poller: Poller, arranged: Callable[[Poller], None], words: str
) -> None:
    assert words not in why(browser)
    arranged(poller)
    assert words in why(browser)


@pytest.mark.parametrize(
    ("arranged", "words"),
    [
        (unauthenticated, "invalid_grant"),
        (poll_failed, "Act-On&#x27;s own words"),
        (left_out, "no id in &#x27;_contact_id_&#x27;"),
        (unusable, "cannot read"),
    ],
)
def test_others_are_quoted(browser: Client, poller: Poller, arranged: Callable[[Poller], None], words: str) -> None:
    arranged(poller)
    assert words in why(browser)


def test_where_nothing_is_in_the_way_it_says_so(browser: Client, poller: Poller) -> None:
    text = why(browser)
    assert "No poll has ever seen l-0001:12" in text
    assert "It was never seen, and nothing known here is in its way. Ask Act-On." in text
    assert "is-bad" not in text


def test_the_moment_of_the_change_is_compared_with_the_position(browser: Client, poller: Poller) -> None:
    assert "past the change" in why(browser, changed="2025-11-24T15:59")
    Poller.objects.update(started_ms=NOW_MS - 86_400_000)
    assert "That is before the change. The next poll is due" in why(browser, changed="2025-11-24T16:01")
    assert "after the change: what changed before is not sent" in why(browser, changed="2025-11-20T10:00")
    assert "before the change" not in why(browser)


@pytest.mark.parametrize("positions", [0, 1])
def test_a_list_that_did_not_change_was_looked_at_though_it_was_not_read(
    browser: Client, poller: Poller, positions: int
) -> None:
    if not positions:
        unread_list(poller)
    Poller.objects.update(checked_ms=NOW_MS + 600_000)
    words = "did not change after that up to" if positions else "did not change up to"
    text = why(browser)
    assert words in text
    assert "2025-11-24 16:10:00" in text
    assert "not read yet" not in text
    assert "Act-On told of no change in it at that time." in why(browser, changed="2025-11-24T16:05")
    assert "That is before the change. The next poll is due" in why(browser, changed="2025-11-24T16:11")


def test_nothing_is_said_of_a_list_that_the_poller_leaves_out(browser: Client, poller: Poller) -> None:
    excluded(poller)
    poller.positions.all().delete()
    Poller.objects.update(checked_ms=NOW_MS + 600_000)
    text = why(browser)
    assert "did not change" not in text
    assert "not read yet" not in text


def test_what_is_known_is_told_once_only(browser: Client, poller: Poller) -> None:
    tracked(poller)
    rows.change(poller.instance, ID, poller=poller)
    text = why(browser)
    assert "Read again with this version, it is told once only" in text
    assert "not kept any more" not in text


@pytest.mark.parametrize(
    ("status", "delivery", "words"),
    [
        (EventStatus.NOTIFIED, Delivery.Status.NOTIFIED, "It arrived."),
        (EventStatus.DISPATCHED, Delivery.Status.CREATED, "its delivery waits for its turn"),
        (EventStatus.CONSUMED, Delivery.Status.RETRY, "2 attempts failed, the next one"),
        (EventStatus.CONSUMED, Delivery.Status.QUEUED, "its delivery is queued and waits to be released"),
    ],
)
def test_the_last_change_decides(browser: Client, poller: Poller, status: str, delivery: str, words: str) -> None:
    rows.change(poller.instance, ID, poller=poller)
    change = rows.change(
        poller.instance, ID, poller=poller, event_status=status, delivery_status=delivery, error="The callback said no"
    )
    Delivery.objects.update(attempts_made=2)
    text = why(browser)
    assert words in text
    assert f'href="/console/events/{change.pk}"' in text
    assert ("The callback said no" in text) is True


def test_the_pauses_of_a_delivery_are_not_those_of_its_callback(browser: Client, poller: Poller) -> None:
    failing_callback(poller)
    rows.change(
        poller.instance,
        ID,
        poller=poller,
        event_status=EventStatus.CONSUMED,
        delivery_status=Delivery.Status.RETRY,
    )
    Delivery.objects.update(attempts_made=5, next_attempt_at=timezone.now() + retry.LONGEST)
    text = why(browser)
    assert "5 attempts failed, the next one" in text
    assert (
        "After each attempt that fails it rests for 1 to 4 s, whatever is due; each delivery has pauses of its" in text
    )


def test_nobody_else_is_looked_at(browser: Client, poller: Poller, stranger: User) -> None:
    theirs = rows.instance(stranger, "Theirs")
    rows.change(theirs, ID)
    assert "Theirs" not in why(browser)
    assert "Select a valid choice" in why(browser, instance=theirs.pk)
    assert browser.post("/console/events/why/look", {"object_id": ID, "at": theirs.pk}).status_code == 404


@pytest.mark.parametrize("given", ["", "x", "9" * 25, "9" * 5000, "²"])
def test_what_is_no_instance_is_not_looked_at(browser: Client, poller: Poller, given: str) -> None:
    assert browser.post("/console/events/why/look", {"object_id": ID, "at": given}).status_code == 404


def test_those_that_know_it_come_first(browser: Client, member: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.why.MOST_INSTANCES", 2)
    for name in ("A", "B", "C"):
        rows.instance(member, f"Stranger {name}")
    knowing = rows.instance(member, "Zoe knows it")
    rows.change(knowing, ID)
    text = why(browser)
    assert text.index("Zoe knows it</a></h2>") < text.index("Stranger A</a></h2>")
    assert "Stranger B</a></h2>" not in text
    assert "2 further instances" in text
    assert "Stranger B</a></h2>" in why(browser, instance=knowing.pk - 2)


@pytest.mark.parametrize("given", [{"object_id": ""}, {"object_id": "x" * 301}, {"changed": "yesterday"}])
def test_what_cannot_be_asked_is_an_error_beside_its_field(
    browser: Client, poller: Poller, given: dict[str, str]
) -> None:
    assert 'class="field-error"' in why(browser, **given)


def test_the_number_of_queries_does_not_grow(
    browser: Client, member: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(6):
        row = rows.poller(rows.instance(member))
        rows.position(row)
        left_out(row)
        tracked(row)
        for _ in range(3):
            rows.change(row.instance, ID, poller=row)
    with django_assert_max_num_queries(12):
        why(browser)


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_act_on_can_be_asked_for_the_record(browser: Client, member: User, act_on: Sandbox) -> None:
    api = Client(headers=authorization(member))
    made = api.post("/elements/api-v2/instances", act_on.body(), content_type="application/json")
    assert made.status_code == 200, made.content
    row = Instance.objects.get()
    calls = row.connection.budget.day_calls
    answer = browser.post("/console/events/why/look", {"object_id": "l-0001:1", "at": row.pk})
    text = answer.content.decode()
    assert "The record is there" in text, text
    assert "GET /api/1/list/l-0001/record/l-0001:1" in text
    missing = browser.post("/console/events/why/look", {"object_id": "l-0001:999", "at": row.pk}).content.decode()
    assert "There is no contact l-0001:999" in missing
    row.connection.budget.refresh_from_db()
    assert row.connection.budget.day_calls == calls + 2

    # What was seen last tells the names of the cells, and whether there is something new.
    known = act_on.account("GET", "/lists/l-0001/contacts")["contacts"][0]["values"]
    record = {"_contact_id_": "l-0001:1", **known, "id": "l-0001:1", "__modified_date": "1"}
    TrackedObject.objects.create(
        poller=row.pollers.get(), object_id="l-0001:1", version="1", record=json.dumps(record), sequence=1
    )
    question = {"object_id": "l-0001:1", "at": row.pk}
    assert "It is as it was seen last" in browser.post("/console/events/why/look", question).content.decode()
    act_on.account("PATCH", "/lists/l-0001/contacts/1", {"Company": "Analytical Engines"})
    text = browser.post("/console/events/why/look", question).content.decode()
    assert "1 field differs from what was seen last" in text
    assert "Analytical Engines" in text
