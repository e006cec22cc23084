"""The list of instances: found by name, tag and state, and how each fares at a glance."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from console import instance_list, overview
from instances.models import Instance
from polling import dispatch
from polling.models import LATE_AFTER, Poll, Poller
from tests.console import rows

LIST = "/console/instances"
LONG = LATE_AFTER + timedelta(minutes=40)


def names(browser: Client, **query: Any) -> list[str]:
    """The names in the list, as they stand there."""
    response = browser.get(LIST, query)
    assert response.status_code == 200
    return re.findall(r'<a href="/console/instances/\d+">([^<]*)</a> <small>', response.content.decode())


def test_it_is_searched_by_name_and_id(browser: Client, member: User) -> None:
    alpha, beta = rows.instance(member, "Alpha EMEA"), rows.instance(member, "Beta")
    assert names(browser, q="emea") == [alpha.name]
    assert names(browser, q=str(beta.pk)) == [beta.name]
    assert names(browser, q="") == [beta.name, alpha.name]
    assert names(browser, q="100%") == []


def test_tags_narrow_it_together(browser: Client, member: User) -> None:
    rows.instance(member, "Both", tags=["Docs", "Live"])
    rows.instance(member, "One", tags=["Docs", "Live & more"])
    assert names(browser, tag="Docs") == ["One", "Both"]
    assert names(browser, tag=["Docs", "Live"]) == ["Both"]
    assert names(browser, tag="Liv") == []
    text = browser.get(LIST, {"tag": "Live"}).content.decode()
    assert '<option value="Live" selected>Live (1)</option>' in text
    assert "Live &amp; more (1)" in text


def test_what_is_not_found_says_so_and_leads_back(browser: Client, member: User) -> None:
    rows.instance(member)
    text = browser.get(LIST, {"q": "nobody has this name"}).content.decode()
    assert "No instance is like that" in text
    assert "No instance yet" not in text


@pytest.mark.parametrize(
    "query", [{"q": "a\0b"}, {"tag": "\0"}, {"state": "made up"}, {"q": "9" * 40}, {"before": "x"}]
)
def test_whatever_stands_in_the_url_is_an_answer(browser: Client, member: User, query: dict[str, str]) -> None:
    rows.instance(member)
    names(browser, **query)


def in_state(member: User, state: str) -> Instance:
    """An instance that is in this state."""
    now = timezone.now()
    row = rows.instance(member, state, disabled=state == "disabled", paused=state == "paused")
    if state == "needs authentication":
        row.connection.problem = "invalid_grant"
        row.connection.save()
    late = state == "late"
    poller = rows.poller(row, failures=2 * (state == "failing"), next_poll_at=now - LONG if late else now + LONG)
    rows.poll(poller, Poll.Status.FAILED if state == "failing" else Poll.Status.SUCCEEDED)
    return row


def test_each_state_is_counted_and_shown_alone(browser: Client, member: User) -> None:
    for state in instance_list.STATES:
        in_state(member, state)
    text = browser.get(LIST).content.decode()
    for state in instance_list.STATES:
        assert re.search(rf">{state}</span>\s* 1", text), state
        assert names(browser, state=state) == [state]
    assert names(browser, state="late", q="failing") == []


@pytest.mark.parametrize("standing", ["polling", "disabled", "paused", "needs authentication"])
def test_the_database_and_the_page_know_one_rule(member: User, standing: str) -> None:
    now = timezone.now()
    shared = rows.connection(member, problem="invalid_grant" if standing == "needs authentication" else "")
    overdue, lately, ahead = now - LONG, now - LATE_AFTER / 2, now + LONG
    # Its newest poll, the moment that this one is due or leased until, when the poller is due: since when it is late
    cases: list[tuple[str, datetime, datetime, datetime | None]] = [
        ("", now, overdue, overdue),
        ("", now, lately, None),
        ("", now, ahead, None),
        (Poll.Status.SUCCEEDED, overdue, overdue, overdue),
        (Poll.Status.SUCCEEDED, overdue, ahead, None),
        (Poll.Status.QUEUED, overdue, ahead, overdue),
        (Poll.Status.QUEUED, lately, overdue, None),
        (Poll.Status.RUNNING, overdue, ahead, overdue),
        (Poll.Status.RUNNING, ahead, overdue, None),
    ]
    for newest, held, due, late_since in cases:
        row = rows.instance(member, disabled=standing == "disabled", paused=standing == "paused", connection=shared)
        poller = rows.poller(row, next_poll_at=due)
        if newest:
            rows.poll(poller, newest, due_at=held, lease_until=held if newest == Poll.Status.RUNNING else None)
        (summary,) = overview.of([row], now)
        case = (newest, held - now, due - now)
        assert summary.late_since == (late_since if standing == "polling" else None), case
        assert (summary.state == "late") == bool(summary.late_since), case
        assert Poller.objects.late(now).filter(pk=poller.pk).exists() == bool(summary.late_since), case
        told = instance_list.with_states(Instance.objects.all(), now).get(pk=row.pk)
        assert told.state_word == summary.state, case


def test_a_poller_that_nobody_runs_is_late_until_it_is_queued(browser: Client, member: User) -> None:
    row = rows.instance(member)
    rows.poller(row, next_poll_at=timezone.now() - LONG)
    text = browser.get(LIST).content.decode()
    late = r'<small class="bad">should have run <time datetime="[^"]+" title="[^"]+" data-ago="252\d">42 min ago</time>'
    assert re.search(late, text)
    assert "should have run" in browser.get(f"{LIST}/{row.pk}").content.decode()
    dispatch.queue_due_pollers(timezone.now())
    assert "should have run" not in browser.get(LIST).content.decode()


def test_a_paused_poller_is_not_queued(member: User) -> None:
    row = rows.instance(member, paused=True)
    rows.poller(row, next_poll_at=timezone.now() - LONG)
    dispatch.queue_due_pollers(timezone.now())
    assert not Poll.objects.exists()


def test_the_sparkline_has_a_bar_an_hour(browser: Client, member: User) -> None:
    now = timezone.now()
    row = rows.instance(member)
    for hours, count in ((0, 1), (5, 3), (23, 2), (24, 4)):
        for _ in range(count):
            rows.change(row, found_at=now - timedelta(hours=hours, minutes=10))
    (summary,) = overview.of([row], now)
    assert (summary.hours[23], summary.hours[18], summary.hours[0], sum(summary.hours)) == (1, 3, 2, 6)
    text = browser.get(LIST).content.decode()
    assert 'aria-label="6 in 24 hours; 1 in the last, 3 in the busiest"' in text
    assert text.count('width="3"') == 3


def test_a_failing_callback_tells_since_when(browser: Client, member: User) -> None:
    row = rows.instance(member)
    assert "callback-failing" not in browser.get(LIST).content.decode()
    row.subscription.failing_since = timezone.now() - timedelta(hours=3)
    row.subscription.save()
    text = browser.get(LIST).content.decode()
    assert "callback-failing" in text
    assert ">3 h ago</time>" in text


def test_pages_keep_what_was_searched_for(browser: Client, member: User) -> None:
    shared = rows.connection(member)
    for number in range(52):
        rows.instance(member, f"Needle {number}", connection=shared)
        rows.instance(member, f"Hay {number}", connection=shared)
    text = browser.get(LIST, {"q": "needle", "state": "polling"}).content.decode()
    older = re.search(r'href="(\?[^"]*before=[^"]*)"', text)
    assert older
    assert names(browser, q="needle") == [f"Needle {number}" for number in range(51, 1, -1)]
    second = browser.get(LIST + older[1].replace("&amp;", "&")).content.decode()
    assert re.findall(r">(Needle \d+|Hay \d+)</a>", second) == ["Needle 1", "Needle 0"]
