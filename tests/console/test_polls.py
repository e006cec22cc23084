"""Polls at an operator's wish, watched; and reading again, after a dry run."""

import re
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from polling.models import Poll, Position
from tests.console import rows

LIST = "/console/instances"
HTMX: Any = {"HX-Request": "true", "HX-Target": "polling"}


def test_a_poll_is_watched_until_it_ends(browser: Client, member: User) -> None:
    row = rows.instance(member)
    rows.poller(row)
    panel = browser.post(f"{LIST}/{row.pk}/poll", headers=HTMX).content.decode()
    assert "<html" not in panel
    again = re.search(r'hx-get="([^"]+)" hx-trigger="every 1s"', panel)
    assert again
    poll = Poll.objects.get()
    assert again[1] == f"{LIST}/{row.pk}/polls/watch?poll={poll.pk}"
    Poll.objects.update(status=Poll.Status.RUNNING, requests=7, records_read=1312, events_created=12)
    panel = browser.get(again[1], headers=HTMX).content.decode()
    for shown in ("<dd>7</dd>", "<dd>1,312</dd>", "<dd>12</dd>", "every 1s"):
        assert shown in panel
    Poll.objects.update(status=Poll.Status.SUCCEEDED, finished_at=poll.queued_at)
    panel = browser.get(again[1], headers=HTMX).content.decode()
    assert "every 1s" not in panel
    assert 'hx-select="#figures"' in panel


def test_without_scripts_the_page_loads_itself_again_until_the_poll_ended(browser: Client, member: User) -> None:
    row = rows.instance(member)
    rows.poller(row)
    text = browser.post(f"{LIST}/{row.pk}/poll", follow=True).content.decode()
    assert '<noscript><meta http-equiv="refresh"' in text
    Poll.objects.update(
        status=Poll.Status.FAILED, finished_at=Poll.objects.get().queued_at, error="Act-On: out of order"
    )
    text = browser.get(f"{LIST}/{row.pk}/polls/watch", {"poll": Poll.objects.get().pk}).content.decode()
    assert "http-equiv" not in text
    assert "Act-On: out of order" in text


def test_a_refused_poll_says_why_to_htmx_too(browser: Client, member: User) -> None:
    row = rows.instance(member, paused=True)
    rows.poller(row)
    response = browser.post(f"{LIST}/{row.pk}/poll", headers=HTMX)
    assert response.headers["HX-Redirect"] == f"{LIST}/{row.pk}"
    assert "Polling is paused." in browser.get(f"{LIST}/{row.pk}").content.decode()


@pytest.mark.parametrize("poll", ["", "x", "999999", "9" * 30])
def test_polls_that_are_not_there_are_a_404(browser: Client, member: User, poll: str) -> None:
    row = rows.instance(member)
    assert browser.get(f"{LIST}/{row.pk}/polls/watch", {"poll": poll}).status_code == 404


def test_a_poll_of_another_instance_is_not_shown(browser: Client, member: User) -> None:
    row, other = rows.instance(member), rows.instance(member)
    poll = rows.poll(rows.poller(other))
    assert browser.get(f"{LIST}/{row.pk}/polls/watch", {"poll": poll.pk}).status_code == 404


def test_reading_again_begins_with_a_dry_run(browser: Client, member: User) -> None:
    row = rows.instance(member)
    rows.position(rows.poller(row))
    browser.post(f"{LIST}/{row.pk}/backfill", {"resource": "contacts", "from": "2026-01-02T03:04", "list": "l-0001"})
    poll = Poll.objects.get()
    assert poll.backfill == {"from": 1_767_323_040_000, "dry_run": True, "redeliver": False, "list": "l-0001"}
    Poll.objects.update(
        status=Poll.Status.SUCCEEDED, finished_at=poll.queued_at, events_created=14, repeated=298, requests=3
    )
    text = browser.get(f"{LIST}/{row.pk}/polls/watch", {"poll": poll.pk}).content.decode()
    assert "It would bring 312 changes, 298 of them delivered before." in text
    assert "Bring the 14 new" in text
    fields = dict(re.findall(r'<input type="hidden" name="(resource|from|list)" value="([^"]*)">', text))
    for go, redeliver in (("new", False), ("all", True)):
        browser.post(f"{LIST}/{row.pk}/backfill", fields | {"go": go})
        made = Poll.objects.latest("pk")
        assert made.backfill == {**poll.backfill, "dry_run": False, "redeliver": redeliver}
        Poll.objects.update(status=Poll.Status.SUCCEEDED)
    assert Position.objects.get().position_ms == rows.NOW_MS


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"from": "soon"}, "say since when"),
        ({"from": ""}, "say since when"),
        ({"from": "2026-13-01T00:00"}, "since when"),
    ],
)
def test_reading_again_wants_a_moment(browser: Client, member: User, sent: dict[str, str], words: str) -> None:
    row = rows.instance(member)
    rows.poller(row)
    text = browser.post(f"{LIST}/{row.pk}/backfill", {"resource": "contacts"} | sent, follow=True).content.decode()
    assert words in text
    assert not Poll.objects.exists()


@pytest.mark.parametrize(
    "sent",
    [{"resource": "con\0tacts", "everything": "on"}, {"resource": "contacts", "everything": "on", "list": "l\0"}],
)
def test_a_name_that_no_database_holds_is_refused(browser: Client, member: User, sent: dict[str, str]) -> None:
    row = rows.instance(member)
    rows.poller(row)
    assert browser.post(f"{LIST}/{row.pk}/backfill", sent).status_code == 404
    assert not Poll.objects.exists()


def test_everything_is_a_moment_too(browser: Client, member: User) -> None:
    row = rows.instance(member)
    rows.poller(row)
    browser.post(f"{LIST}/{row.pk}/backfill", {"resource": "contacts", "from": "", "everything": "on"})
    assert (Poll.objects.get().backfill or {})["from"] == 0


def test_while_a_poll_runs_nothing_is_read_again(browser: Client, member: User) -> None:
    row = rows.instance(member)
    rows.poll(rows.poller(row), Poll.Status.RUNNING)
    sent = {"resource": "contacts", "everything": "on"}
    text = browser.post(f"{LIST}/{row.pk}/backfill", sent, follow=True).content.decode()
    assert "A poll is queued or running." in text
    assert Poll.objects.count() == 1
    assert browser.post(f"{LIST}/{row.pk}/backfill", {"resource": "unknown"}).status_code == 404


def test_the_window_of_a_poll_that_had_nothing_to_read_has_only_an_end(browser: Client, member: User) -> None:
    row = rows.instance(member)
    rows.poll(rows.poller(row), from_ms=None, to_ms=1_767_225_600_000)
    text = browser.get(f"{LIST}/{row.pk}/polls").content.decode()
    assert re.search(r'nothing to read<br>up to <time datetime="2026-01-01T00:00:00.000Z"', text)


def test_every_poll_is_listed_in_pages(browser: Client, member: User) -> None:
    row = rows.instance(member)
    poller = rows.poller(row)
    for number in range(52):
        rows.poll(poller, error=f"error number {number}.")
    text = browser.get(f"{LIST}/{row.pk}/polls").content.decode()
    assert "error number 51." in text
    assert "error number 1." not in text
    assert "Older" in text
