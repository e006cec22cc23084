"""The dashboard: what was found step by step, and what needs somebody, each with a link."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.html import escape
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from console import activity
from console.activity import Step
from elements.models import CallBudget
from events.models import Delivery, EventStatus, Subscription
from instances.models import Instance
from polling.models import Poll
from tests.console import rows

NOW = datetime(2026, 11, 24, 20, 30, 15, tzinfo=UTC)


def text(browser: Client, **query: str) -> str:
    response = browser.get("/console/", query)
    assert response.status_code == 200
    return response.content.decode()


def counted(member: User, name: str) -> dict[datetime, tuple[int, int, int]]:
    """Found, failed and waiting of the steps that are not empty."""
    instances = list(Instance.objects.filter(organization=member.organization_id).values_list("pk", flat=True))
    steps = activity.counted(member.organization_id, instances, activity.views()[name], NOW)
    assert len(steps) == activity.views()[name].count
    return {step.begin: (step.found, step.failed, step.waiting) for step in steps if step.found}


@pytest.mark.parametrize(
    ("name", "step"), [("minute", timedelta(minutes=1)), ("hour", timedelta(hours=1)), ("day", timedelta(days=1))]
)
def test_changes_are_counted_in_the_step_in_which_they_were_found(
    member: User, stranger: User, name: str, step: timedelta
) -> None:
    row = rows.instance(member)
    begins = {"minute": NOW.replace(second=0), "hour": NOW.replace(minute=0, second=0)}
    first = begins.get(name, NOW.replace(hour=0, minute=0, second=0))
    rows.change(row, found_at=first)
    rows.change(row, found_at=first - timedelta(microseconds=1))
    rows.change(row, found_at=first - step, event_status=EventStatus.CONSUMED, delivery_status=Delivery.Status.RETRY)
    rows.change(row, found_at=first, event_status=EventStatus.DISPATCHED, delivery_status=Delivery.Status.CREATED)
    rows.change(row, found_at=first - 100 * step)
    rows.change(rows.instance(stranger), found_at=first)
    assert counted(member, name) == {first: (2, 0, 1), first - step: (2, 1, 0)}


def test_many_instances_are_counted_alike(member: User, monkeypatch: pytest.MonkeyPatch) -> None:
    rows.change(rows.instance(member), found_at=NOW)
    named = counted(member, "hour")
    monkeypatch.setattr(activity, "NAMED_INSTANCES", 0)
    assert counted(member, "hour") == named != {}


def test_bars_are_stacked_to_what_was_found() -> None:
    at = NOW.replace(second=0)
    chart = activity.chart([Step(at, at, 0, 0, 0), Step(at, at, 80, 20, 10), Step(at, at, 7, 0, 0)])
    assert (chart.top, chart.found, chart.accepted, chart.waiting, chart.failed) == (100, 87, 57, 10, 20)
    middle = [(part.kind, part.height) for part in chart.parts if part.x == 11]
    assert middle == [("accepted", 60.0), ("waiting", 12.0), ("failed", 24.0)]
    assert min(part.y for part in chart.parts) == pytest.approx(24.0)


def test_the_chart_reads_as_a_table_whose_rows_lead_to_the_log(browser: Client, member: User) -> None:
    change = rows.change(rows.instance(member))
    shown = text(browser, by="minute")
    begin = change.found_at.replace(second=0, microsecond=0)
    link = f"begin={begin:%Y-%m-%dT%H:%M}&amp;end={begin + timedelta(minutes=1):%Y-%m-%dT%H:%M}"
    assert link in shown
    log = browser.get("/console/events?" + link.replace("&amp;", "&")).content.decode()
    assert f'id="change-{change.pk}"' in log
    assert "1 found, 1 accepted, 0 under way, 0 failed" in shown


def test_a_view_that_does_not_exist_is_the_usual_one(browser: Client, member: User) -> None:
    rows.instance(member)
    current = '<a href="?by=hour" aria-current="true">'
    assert current in text(browser, by="century")
    assert current not in text(browser, by="day")


def test_without_an_instance_it_teaches(browser: Client) -> None:
    assert "Your first event" in text(browser)


def test_where_nothing_is_wrong_it_says_so(browser: Client, member: User) -> None:
    row = rows.instance(member)
    rows.poller(row, next_poll_at=timezone.now() + timedelta(minutes=5))
    shown = text(browser)
    assert "All is well" in shown
    assert "None took longer" in shown
    assert "None is near its end" in shown


def needing_authentication(row: Instance) -> None:
    row.connection.problem, row.connection.problem_since = "invalid_grant: Bad code", timezone.now()
    row.connection.save()


def late(row: Instance) -> None:
    rows.poller(row, next_poll_at=timezone.now() - timedelta(hours=1))


def failing(row: Instance) -> None:
    poller = rows.poller(row, next_poll_at=timezone.now() + timedelta(minutes=1), failures=3)
    rows.poll(poller, Poll.Status.FAILED, error="Act-On said no")


def callback_failing(row: Instance) -> None:
    Subscription.objects.update(failing_since=timezone.now())


def deactivated(row: Instance) -> None:
    rows.change(row, event_status=EventStatus.CONSUMED, delivery_status=Delivery.Status.QUEUED)
    Subscription.objects.update(active=False)


def queued(row: Instance) -> None:
    rows.change(row, event_status=EventStatus.CONSUMED, delivery_status=Delivery.Status.QUEUED)


@pytest.mark.parametrize(
    ("trouble", "words", "link"),
    [
        (needing_authentication, "invalid_grant: Bad code", "/console/instances/{}"),
        (late, "It should have been polled and was not", "/console/instances/{}"),
        (failing, "Act-On said no", "/console/instances/{}"),
        (callback_failing, "The callback accepts nothing", "/console/events?status=retry&amp;instance={}"),
        (deactivated, "is not called any more. One delivery is queued.", "/console/instances/{}#waiting"),
        (queued, "One delivery is queued. They wait", "/console/instances/{}#waiting"),
    ],
)
def test_what_is_wrong_is_told_with_a_link(
    browser: Client, member: User, stranger: User, trouble: Any, words: str, link: str
) -> None:
    rows.instance(stranger, "Theirs")
    row = rows.instance(member)
    trouble(row)
    shown = text(browser)
    assert words in shown
    assert f'href="{link.format(row.pk)}"' in shown
    assert "All is well" not in shown
    assert "Theirs" not in shown


def test_slow_callbacks_are_told(browser: Client, member: User, stranger: User) -> None:
    slow, quick, theirs = (
        rows.instance(member, "Slow"),
        rows.instance(member, "Quick"),
        rows.instance(stranger, "Theirs"),
    )
    for row, duration in ((slow, 4000), (slow, 2000), (quick, 20), (theirs, 9000)):
        rows.attempt(rows.delivery(rows.change(row)), duration_ms=duration)
    rows.attempt(rows.delivery(rows.change(quick)), duration_ms=60_000, started_at=timezone.now() - timedelta(days=2))
    shown = text(browser)
    assert "Slow (" in shown
    assert "3,000 ms" in shown
    assert "0 of 2" in shown
    assert "Quick (" not in shown
    assert "Theirs" not in shown


def test_a_limit_near_its_end_is_told(browser: Client, member: User) -> None:
    row = rows.instance(member)
    row.connection.account = "acme"
    row.connection.save()
    CallBudget.objects.filter(pk=row.connection.budget_id).update(day=timezone.now().date(), day_calls=24_000)
    shown = text(browser)
    assert f'<a href="/console/instances/{row.pk}#limits">24,000 of 30,000</a> · near the limit' in shown
    assert "acme at sandbox" in shown
    assert "Token calls" not in shown, "another limit of it is not near"
    assert "None is near" not in shown


def test_the_account_that_called_most_is_named_with_its_instances(
    browser: Client, member: User, stranger: User
) -> None:
    sharing = rows.connection(member, account="acme", host="https://restapi.actonsoftware.com")
    first, second = (rows.instance(member, f"Sharing <{name}>", connection=sharing) for name in "ab")
    quiet = rows.instance(member, "Quiet")
    theirs = rows.instance(stranger, "Theirs")
    today = timezone.now().date()
    CallBudget.objects.filter(pk=sharing.budget_id).update(day=today, day_calls=70)
    CallBudget.objects.filter(pk=quiet.connection.budget_id).update(day=today, day_calls=7)
    CallBudget.objects.filter(pk=theirs.connection.budget_id).update(day=today, day_calls=700)
    shown = text(browser)
    assert "acme at restapi.actonsoftware.com" in shown
    for row in (first, second):
        assert f'<a href="/console/instances/{row.pk}">{escape(row.name)}</a>' in shown
    assert f'<a href="/console/instances/{first.pk}#limits">70 of 30,000</a>' in shown
    assert "Quiet" not in shown
    assert "Theirs" not in shown


def test_the_number_of_queries_does_not_grow(
    browser: Client, member: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(6):
        row = rows.instance(member)
        failing(row)
        rows.attempt(rows.delivery(rows.change(row)), duration_ms=5000)
        deactivated(row)
    with django_assert_max_num_queries(12):
        text(browser)
