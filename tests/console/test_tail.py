"""The live tail: what came in, once, in its order, whenever its transaction commits."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import User
from console.event_log import COMES_WITHIN, known_up_to
from events.models import Delivery, Event, EventStatus
from tests.console import rows
from tests.console.test_event_log import LOG, ids, log

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def tail(browser: Client, after: int, **query: Any) -> tuple[list[int], int]:
    """The ids of the rows that come, and what to ask for next."""
    response = browser.get(f"{LOG}/tail", {"after": after} | query)
    assert response.status_code == 200
    return ids(response.content.decode()), int(response.headers["Tail-After"])


def at(*found: int, young: bool = True) -> list[tuple[int, datetime]]:
    return [(pk, NOW if young else NOW - COMES_WITHIN) for pk in found]


def test_the_log_offers_a_tail_from_its_newest_row(browser: Client, member: User) -> None:
    newest = [rows.change(rows.instance(member)).pk for _ in range(2)][-1]
    assert f'data-after="{newest}"' in log(browser)
    assert "data-after" not in log(browser, before=newest)


def test_the_tail_brings_what_came_in_once(browser: Client, member: User) -> None:
    row = rows.instance(member)
    seen = rows.change(row)
    new = [rows.change(row).pk for _ in range(2)]
    last = rows.change(row, "elsewhere:1")
    assert tail(browser, seen.pk, object_id="l-0001:*") == (new[::-1], last.pk)
    assert tail(browser, last.pk, object_id="l-0001:*") == ([], last.pk)


def test_rows_on_the_page_are_brought_up_to_date(browser: Client, member: User, stranger: User) -> None:
    row = rows.instance(member)
    change = rows.change(row, event_status=EventStatus.CONSUMED, delivery_status=Delivery.Status.RETRY)
    theirs = rows.change(rows.instance(stranger))
    assert f'id="change-{change.pk}" data-unsettled' in log(browser)
    Event.objects.update(status=EventStatus.NOTIFIED)
    Delivery.objects.update(status=Delivery.Status.NOTIFIED)
    text = log(browser, f"{LOG}/tail", after=theirs.pk, unsettled=f"{change.pk},{theirs.pk},x,")
    assert ids(text) == [change.pk]
    assert "data-unsettled" not in text


def test_an_id_that_is_missing_holds_the_place_while_it_may_come() -> None:
    assert known_up_to(at(1, 2, 5, 6), NOW) == 2
    assert known_up_to(at(1, 2, 5, 6, young=False), NOW) == 6
    assert known_up_to(at(1, 2), NOW) == 2
    assert known_up_to([], NOW) == 0


def test_more_than_a_call_brings_is_brought_by_the_next(
    browser: Client, member: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.event_log.TAIL_ROWS", 3)
    row = rows.instance(member)
    first, *new = [rows.change(row).pk for _ in range(9)]
    seen: list[int] = []
    after = first
    for _ in range(4):
        come, after = tail(browser, after)
        seen += come[::-1]
    assert seen == new


@pytest.mark.skipif(connection.vendor == "sqlite", reason="one transaction writes at a time there")
@pytest.mark.django_db(transaction=True)
def test_a_row_that_commits_late_is_not_passed_over(browser: Client, member: User) -> None:
    row = rows.instance(member)
    first = rows.change(row).pk
    written, may_commit = threading.Event(), threading.Event()
    late: list[int] = []

    def write_slowly() -> None:
        with transaction.atomic():
            late.append(rows.change(row).pk)
            written.set()
            may_commit.wait(30)
        connection.close()

    thread = threading.Thread(target=write_slowly)
    thread.start()
    assert written.wait(30)
    quick = rows.change(row).pk
    assert quick > late[0]
    # A page that is loaded now, and a tail that runs already, both stay before the row that is on its way.
    assert f'data-after="{first}"' in log(browser)
    come, after = tail(browser, first)
    assert (come, after) == ([quick], first)
    may_commit.set()
    thread.join(30)
    assert tail(browser, after) == ([quick, late[0]], quick)


def test_a_page_of_an_hour_ago_can_still_be_followed(browser: Client, member: User) -> None:
    row = rows.instance(member)
    old = rows.change(row, found_at=timezone.now() - timedelta(hours=1)).pk
    new = rows.change(row).pk
    assert tail(browser, old) == ([new], new)
