"""The event log: what a row shows, what the filters let pass, and how one pages through it."""

import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from console import paging
from events.models import Change, Delivery, EventStatus, EventType
from tests.console import rows

LOG = "/console/events"


def log(browser: Client, path: str = LOG, **query: Any) -> str:
    response = browser.get(path, query)
    assert response.status_code == 200
    return response.content.decode()


def ids(text: str) -> list[int]:
    return [int(number) for number in re.findall(rf'data-label="Timestamp"><a href="{LOG}/(\d+)"', text)]


def link(text: str, word: str) -> str | None:
    found = re.search(rf'<a href="([^"]*)"[^>]*>[^<]*{word}', text)
    return found[1].replace("&amp;", "&") if found else None


def test_without_events_the_log_says_what_to_do(browser: Client) -> None:
    text = log(browser)
    assert "No event yet" in text
    assert "/console/instances" in text


def test_a_row_shows_one_change(browser: Client, member: User) -> None:
    row = rows.instance(member, "Contacts <of> Acme")
    change = rows.change(
        row,
        "l-0001:<12>",
        event_type=EventType.CREATED,
        event_status=EventStatus.CONSUMED,
        delivery_status=Delivery.Status.RETRY,
        error="The callback answered 503",
    )
    Delivery.objects.update(attempts_made=7)
    text = log(browser)
    assert ids(text) == [change.pk]
    for shown in ("CREATED", "CONSUMED", "retry", "l-0001:&lt;12&gt;", "Contacts &lt;of&gt; Acme", "503", ">7</td>"):
        assert shown in text


@pytest.mark.parametrize("status", EventStatus.values)
def test_each_status_is_shown_and_can_be_filtered(browser: Client, member: User, status: str) -> None:
    row = rows.instance(member)
    by_status = {value: rows.change(row, event_status=value).pk for value in EventStatus.values}
    text = log(browser, status=status)
    assert ids(text) == [by_status[status]]
    assert f">{status}</span>" in text


@pytest.mark.parametrize("status", ["retry", "queued"])
def test_stuck_deliveries_can_be_filtered(browser: Client, member: User, status: str) -> None:
    row = rows.instance(member)
    by_status = {value: rows.change(row, delivery_status=value).pk for value in Delivery.Status.values}
    assert ids(log(browser, status=status)) == [by_status[status]]


def test_filters_by_instance_type_and_object_id_go_together(browser: Client, member: User) -> None:
    one, other = rows.instance(member, "One"), rows.instance(member, "Other")
    wanted = rows.change(one, "l-0001:1", event_type=EventType.CREATED)
    rows.change(one, "l-0001:1")
    rows.change(one, "l-0001:11", event_type=EventType.CREATED)
    rows.change(other, "l-0001:1", event_type=EventType.CREATED)
    assert ids(log(browser, instance=one.pk, type="CREATED", object_id="l-0001:1")) == [wanted.pk]
    assert len(ids(log(browser, instance="", type="", object_id="", status=""))) == 4


def test_a_filter_that_nothing_passes_says_so(browser: Client, member: User) -> None:
    rows.change(rows.instance(member))
    text = log(browser, object_id="l-0001:nobody")
    assert "No change passes this filter" in text
    assert 'value="l-0001:nobody"' in text


def test_a_filter_that_does_not_exist_is_an_error_beside_its_field(browser: Client, member: User) -> None:
    rows.change(rows.instance(member))
    text = log(browser, status="LOST")
    assert ids(text) == []
    assert "Select a valid choice" in text


def test_paging_neither_skips_nor_repeats_while_rows_come_in(
    browser: Client, member: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "SIZE", 5)
    row = rows.instance(member)
    before = [rows.change(row, event_type=EventType.CREATED).pk for _ in range(17)]
    seen: list[int] = []
    path: str | None = f"{LOG}?type=CREATED"
    while path:
        text = log(browser, path)
        seen += ids(text)
        rows.change(row, event_type=EventType.CREATED)
        rows.change(row)
        older = link(text, "Older")
        path = older and LOG + older
    assert seen == before[::-1]


def test_the_way_back_meets_every_row_once(browser: Client, member: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "SIZE", 5)
    row = rows.instance(member)
    everything = [rows.change(row).pk for _ in range(12)]
    oldest = log(browser, before=everything[2])
    assert ids(oldest) == everything[:2][::-1]
    everything += [rows.change(row).pk for _ in range(3)]
    seen, newer = ids(oldest)[::-1], link(oldest, "Newer")
    while newer:
        text = log(browser, LOG + newer)
        seen += ids(text)[::-1]
        newer = link(text, "Newer")
    assert seen == everything
    assert ids(log(browser)) == everything[:-6:-1]


@pytest.mark.parametrize("query", ["before=0", "before=x", "before=", "before=99999999999999999999", "after=-1"])
def test_a_page_that_cannot_be_is_no_error(browser: Client, member: User, query: str) -> None:
    rows.change(rows.instance(member))
    assert browser.get(f"{LOG}?{query}").status_code == 200


def test_past_the_newest_row_there_is_a_way_back(browser: Client, member: User) -> None:
    last = rows.change(rows.instance(member))
    text = log(browser, after=last.pk)
    assert ids(text) == []
    assert link(text, "Newest") == "?"


def test_the_number_of_queries_does_not_grow(
    browser: Client, member: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(5):
        row = rows.instance(member)
        for _ in range(12):
            rows.change(row)
    assert Change.objects.count() > paging.SIZE
    with django_assert_max_num_queries(12):
        assert len(ids(log(browser))) == paging.SIZE


def test_a_test_event_is_waited_for_at_the_log(browser: Client, member: User) -> None:
    row = rows.instance(member)
    response = browser.post(f"/console/instances/{row.pk}/test", follow=True)
    ((path, _),) = response.redirect_chain
    assert path == f"{LOG}?instance={row.pk}&resource=test&live=on"
    text = response.content.decode()
    assert "A test event is on its way." in text
    assert "Nothing yet" in text
    assert "No change passes this filter" not in text
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in text
    assert 'data-after="0" data-begins>' in text
    change = rows.change(row, object_type="test")
    assert ids(log(browser, path)) == [change.pk]
    assert "refresh" not in log(browser, path.replace("&live=on", ""))
