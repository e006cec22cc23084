"""The list of instances, one instance, and what can be done to it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import AuditEntry, User
from elements.acton import limits
from events.models import Delivery, EventStatus
from instances.models import Instance
from polling.models import Poll
from tests.console import rows

LIST = "/console/instances"


def page(browser: Client, path: str, **query: Any) -> str:
    response = browser.get(path, query)
    assert response.status_code == 200
    return response.content.decode()


def test_without_instances_the_list_says_what_to_do(browser: Client) -> None:
    text = page(browser, LIST)
    assert "No instance yet" in text
    assert "/sandbox/authorize?response_type=code&amp;client_id=my-key" in text
    assert "curl -X POST" in text
    assert "/elements/api-v2/instances" in text


def test_the_real_act_on_is_asked_for_a_code_by_the_api(browser: Client, settings: Any) -> None:
    settings.ACTON_API_URL, settings.SANDBOX_ENABLED = "https://api.actonsoftware.com", False
    text = page(browser, LIST)
    assert "/elements/acton/oauth/url" in text
    assert "sandbox" not in text


def test_the_list_shows_what_an_instance_is(browser: Client, member: User) -> None:
    row = rows.instance(member, "Contacts <of> Acme", tags=["Docs", "Live"])
    poller = rows.poller(row, next_poll_at=timezone.now().replace(2031, 5, 6, 7, 8, 9))
    rows.poll(poller, finished_at=timezone.now().replace(2030, 1, 2, 3, 4, 5))
    rows.change(row)
    rows.change(row, found_at=timezone.now() - timedelta(hours=25))
    text = page(browser, LIST)
    for shown in (
        "Contacts &lt;of&gt; Acme",
        "polling",
        "Live",
        "https://mycoolapp.com/events",
        'title="2031-05-06 07:08:09 UTC"',
        'title="2030-01-02 03:04:05 UTC"',
        "1 in 24 hours",
    ):
        assert shown in text


@pytest.mark.parametrize("state", ["polling", "paused", "disabled", "needs authentication"])
def test_each_state_is_a_word(browser: Client, member: User, state: str) -> None:
    row = rows.instance(member, disabled=state == "disabled", events_enabled=state != "paused")
    if state == "needs authentication":
        row.connection.problem = "invalid_grant: <expired>"
        row.connection.save()
    rows.poller(row)
    for path in (LIST, f"{LIST}/{row.pk}"):
        assert f">{state}</span>" in page(browser, path)


def test_a_failing_poller_is_told_with_its_error_and_when_it_is_tried_again(browser: Client, member: User) -> None:
    row = rows.instance(member)
    poller = rows.poller(row, failures=3, next_poll_at=timezone.now().replace(2031, 5, 6, 7, 8, 9))
    rows.poll(poller, Poll.Status.FAILED, error="older error")
    rows.poll(poller, Poll.Status.FAILED, error="Act-On answered 500: out of order")
    assert ">failing</span>" in page(browser, LIST)
    text = page(browser, f"{LIST}/{row.pk}")
    assert "Act-On answered 500: out of order" in text
    assert "3 polls in a row failed" in text
    assert text.count("Tried again") == 1


@pytest.mark.parametrize("status", Poll.Status.values)
def test_each_status_of_a_poll_is_shown(browser: Client, member: User, status: str) -> None:
    row = rows.instance(member)
    rows.poll(rows.poller(row), status)
    assert f">{status}</span>" in page(browser, f"{LIST}/{row.pk}")


def test_one_instance_shows_positions_polls_events_and_deliveries(browser: Client, member: User) -> None:
    row = rows.instance(member)
    poller = rows.poller(row, checked_ms=rows.NOW_MS)
    rows.position(poller, "l-0042", list_name="Customers <all>")
    rows.poll(poller, records_read=312, requests=4)
    rows.change(row, "l-0001:77")
    rows.change(
        row,
        "l-0001:78",
        event_status=EventStatus.CONSUMED,
        delivery_status=Delivery.Status.RETRY,
        error="The callback answered 503",
    )
    text = page(browser, f"{LIST}/{row.pk}")
    for shown in ("l-0042", "Customers &lt;all&gt;", "2025-11-24 16:00:00.000", "312", "l-0001:77", "retry", "503"):
        assert shown in text
    assert "1 not accepted by the callback yet" in text


def test_an_instance_that_was_never_polled_says_so(browser: Client, member: User) -> None:
    row = rows.instance(member)
    rows.poller(row)
    text = page(browser, f"{LIST}/{row.pk}")
    assert "It was not polled yet" in text
    assert "No list was read yet" in text
    assert "nothing waits for the callback" in text


def test_lists_that_did_not_change_were_looked_at(browser: Client, member: User) -> None:
    row = rows.instance(member)
    rows.poll(rows.poller(row, checked_ms=rows.NOW_MS + 600_000))
    text = page(browser, f"{LIST}/{row.pk}")
    assert "No list was read yet" not in text
    assert "No list changed from" in text
    assert "2025-11-24 16:10:00" in text


@pytest.mark.parametrize("state", ["polling", "paused", "disabled", "needs authentication", "no events"])
def test_poll_now_is_offered_where_it_would_be_done(browser: Client, member: User, state: str) -> None:
    row = rows.instance(
        member, disabled=state == "disabled", paused=state == "paused", events_enabled=state != "no events"
    )
    row.connection.problem = "invalid_grant" if state == "needs authentication" else ""
    row.connection.save()
    for resource in ("contacts", "optouts"):
        rows.poller(row, resource)
    text = page(browser, f"{LIST}/{row.pk}")
    assert text.count(f'action="{LIST}/{row.pk}/poll"') == (3 if state == "polling" else 0)


def test_a_pause_that_the_page_does_not_tell_is_told(browser: Client, member: User) -> None:
    row = rows.instance(member)
    row.connection.problem = "invalid_grant"
    row.connection.save()
    text = browser.post(f"{LIST}/{row.pk}/paused", {"paused": "true"}, follow=True).content.decode()
    assert "is paused: nothing is polled until somebody resumes it" in text


def test_secrets_are_masked(browser: Client, member: User) -> None:
    row = rows.instance(member)
    change = rows.change(row)
    for path in (LIST, f"{LIST}/{row.pk}", "/console/events", f"/console/events/{change.pk}"):
        text = page(browser, path)
        assert rows.SECRET not in text
    assert "********" in page(browser, f"{LIST}/{row.pk}")


def test_act_ons_words_and_what_to_do_where_it_needs_authentication(browser: Client, member: User) -> None:
    row = rows.instance(member)
    row.connection.problem = "invalid_grant: the refresh token <expired>"
    row.connection.problem_since = timezone.now()
    row.connection.save()
    text = page(browser, f"{LIST}/{row.pk}")
    assert "invalid_grant: the refresh token &lt;expired&gt;" in text
    assert "callbackUrl=https://mycoolapp.com/auth" in text  # a code is bound to the instance's own callback URL
    assert "curl -X PATCH" in text
    assert f"/elements/api-v2/instances/{row.pk}" in text


def test_poll_now_queues_each_resource(browser: Client, member: User) -> None:
    row = rows.instance(member)
    pollers = [rows.poller(row, "contacts"), rows.poller(row, "optouts")]
    text = browser.post(f"{LIST}/{row.pk}/poll", follow=True).content.decode()
    assert "contacts" in text
    assert "optouts" in text
    assert "It waits for a worker" in text
    for poller in pollers:
        poll = poller.polls.get()
        assert (poll.trigger, poll.status) == (Poll.Trigger.MANUAL, Poll.Status.QUEUED)


def test_poll_now_may_name_one_resource(browser: Client, member: User) -> None:
    row = rows.instance(member)
    contacts, optouts = rows.poller(row, "contacts"), rows.poller(row, "optouts")
    browser.post(f"{LIST}/{row.pk}/poll", {"resource": "optouts"})
    assert (contacts.polls.count(), optouts.polls.count()) == (0, 1)
    assert browser.post(f"{LIST}/{row.pk}/poll", {"resource": "unknown"}).status_code == 404


def test_a_refused_poll_says_why(browser: Client, member: User) -> None:
    row = rows.instance(member)
    rows.poll(rows.poller(row), Poll.Status.RUNNING)
    text = browser.post(f"{LIST}/{row.pk}/poll", follow=True).content.decode()
    assert "contacts is not polled now: A poll is running." in text


def test_poll_now_without_a_poller_says_so(browser: Client, member: User) -> None:
    row = rows.instance(member)
    text = browser.post(f"{LIST}/{row.pk}/poll", follow=True).content.decode()
    assert "names no resource to poll" in text


def test_disable_and_enable(browser: Client, member: User) -> None:
    row = rows.instance(member)
    for sent, disabled in (("false", True), ("true", False)):
        text = browser.post(f"{LIST}/{row.pk}/enabled", {"enabled": sent}, follow=True).content.decode()
        row.refresh_from_db()
        assert row.disabled is disabled
        assert ("This instance is disabled: it is not polled" in text) is disabled
        assert text.count("is disabled") == disabled, "told once"


def test_a_form_that_does_not_say_which_changes_nothing(browser: Client, member: User) -> None:
    row = rows.instance(member)
    assert browser.post(f"{LIST}/{row.pk}/enabled").status_code == 400
    row.refresh_from_db()
    assert not row.disabled


def fill(member: User, many: int) -> int:
    """`many` instances, one of them with `many` of everything; returns its id."""
    for _ in range(many):
        row = rows.instance(member)
        poller = rows.poller(row)
        rows.poll(poller)
        rows.change(row)
    for number in range(many):
        other = rows.poller(row, f"resource {number}")
        rows.position(other)
        rows.poll(other, Poll.Status.FAILED)
        rows.change(row, delivery_status=Delivery.Status.RETRY, poller=poller)
    return row.pk


def test_the_number_of_queries_does_not_grow(
    browser: Client, member: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    instance_id = fill(member, 12)
    of_one = (
        "",
        "/edit",
        "/delete",
        "/polls",
        "/configuration.json",
        f"/polls/watch?poll={Poll.objects.latest('pk').pk}",
    )
    for path in (
        LIST,
        f"{LIST}?q=c&state=failing&tag=Docs",
        f"{LIST}/new",
        *(f"{LIST}/{instance_id}{each}" for each in of_one),
    ):
        with django_assert_max_num_queries(12):
            page(browser, path)


def test_many_instances_come_in_pages(browser: Client, member: User) -> None:
    first = rows.connection(member)
    for number in range(51):
        rows.instance(member, f"instance number {number}", connection=first)
    newest = page(browser, LIST)
    assert "instance number 0<" not in newest
    assert "instance number 50<" in newest
    assert "Older" in newest


def test_webhooks_that_nobody_can_verify_are_called_so(browser: Client, member: User) -> None:
    row = rows.instance(member)
    row.configuration["event.vendor.type"] = "webhooks"
    row.save()
    path = f"/console/instances/{row.pk}"
    assert "<strong>unverified</strong>" in browser.get(path).content.decode()
    row.configuration["event.webhook.signature.header"] = "X-Signature"
    row.set_secrets({"event.webhook.secret": rows.SECRET})
    row.save()
    text = browser.get(path).content.decode()
    assert "unverified" not in text
    assert rows.SECRET not in text


def test_pausing_keeps_the_position_and_the_callers(browser: Client, member: User) -> None:
    row = rows.instance(member)
    position = rows.position(rows.poller(row))
    text = browser.post(f"{LIST}/{row.pk}/paused", {"paused": "true"}, follow=True).content.decode()
    assert "This instance is paused: it is not polled" in text
    assert text.count("is paused") == 1, "told once"
    assert ">paused</span>" in text
    row.refresh_from_db()
    assert (row.paused, row.disabled, row.state) == (True, False, "paused")
    browser.post(f"{LIST}/{row.pk}/paused", {"paused": "false"})
    row.refresh_from_db()
    position.refresh_from_db()
    assert (row.state, position.position_ms) == ("polling", rows.NOW_MS)
    assert browser.post(f"{LIST}/{row.pk}/paused", {"paused": "maybe"}).status_code == 400


def test_the_token_is_shown_on_demand_and_that_is_noted(browser: Client, member: User) -> None:
    row = rows.instance(member)
    assert row.token not in page(browser, f"{LIST}/{row.pk}")
    text = browser.post(f"{LIST}/{row.pk}/token").content.decode()
    assert f'<code id="the-token">{row.token}</code>' in text
    assert AuditEntry.objects.get(action="console: Show the token of an instance").target == f"{LIST}/{row.pk}/token"


def test_the_webhook_address_is_shown_to_admins_on_demand_and_that_is_noted(browser: Client, member: User) -> None:
    row = rows.instance(member)
    path = f"{LIST}/{row.pk}"
    assert "Show the address" not in page(browser, path), "it wants no webhooks"
    row.configuration["event.vendor.type"] = "webhooks"
    row.save()
    assert row.webhook_key not in page(browser, path)
    text = browser.post(f"{path}/webhook").content.decode()
    address = f"/elements/api-v2/events/acton/{row.pk}?key={row.webhook_key}</code>"
    assert address in text
    assert '<code id="the-address">http' in text
    assert AuditEntry.objects.get(action__startswith="console: Show the address").target == f"{path}/webhook"
    User.objects.filter(pk=member.pk).update(role="operator")
    assert "Show the address" not in page(browser, path)
    assert "administrators see it" in page(browser, path)


def test_the_limits_are_counted_to_the_moment(browser: Client, member: User) -> None:
    now_ms = int(timezone.now().timestamp() * 1000)
    row = rows.instance(member)
    budget = row.connection.budget
    budget.day, budget.day_calls = timezone.now().date(), 25_000
    budget.token_calls = [now_ms - 2 * 3_600_000, now_ms - 60_000, now_ms - 1000]
    budget.recent_calls = [now_ms - 5000, now_ms + 500]
    budget.paused_until = timezone.now() + timedelta(minutes=3)
    budget.save()
    shown = [(each.used, each.most, each.is_near) for each in limits.usage(budget, timezone.now())]
    assert [shown[0], shown[1]] == [(25_000, 30_000, True), (2, 5, False)]
    assert limits.usage(budget, timezone.now() + timedelta(days=2))[0].used == 0
    text = page(browser, f"{LIST}/{row.pk}")
    assert "25,000 of 30,000 · near the limit" in text
    assert "Act-On asked to slow down" in text


def test_the_polls_are_bars_whose_outcome_is_a_shape_too(browser: Client, member: User) -> None:
    row = rows.instance(member)
    poller = rows.poller(row)
    rows.poll(poller, records_read=100)
    rows.poll(poller, Poll.Status.FAILED)
    rows.poll(poller, Poll.Status.RUNNING, records_read=50)
    text = page(browser, f"{LIST}/{row.pk}")
    assert 'aria-label="The last 3 polls: 1 running, 1 succeeded, 1 failed; 150 records read"' in text
    bars = re.findall(r'<g class="bar-(\w+)">.*?height="(\d+)"/>(<path)?', text)
    assert bars == [("succeeded", "48", ""), ("failed", "2", "<path"), ("running", "24", "")]
    assert "polls/watch?poll=" in text, "one that runs is watched"


def test_of_many_positions_the_latest_are_shown(browser: Client, member: User) -> None:
    row = rows.instance(member)
    poller = rows.poller(row)
    for number in range(203):
        rows.position(poller, f"l-{number:04}", position_ms=rows.NOW_MS + number)
    text = page(browser, f"{LIST}/{row.pk}")
    assert "The 200 with the latest positions, of 203." in text
    assert ">l-0202</td>" in text
    assert ">l-0002</td>" not in text


def test_deleting_asks_for_the_name(browser: Client, member: User) -> None:
    row = rows.instance(member)
    path = f"{LIST}/{row.pk}/delete"
    assert row.name in page(browser, path)
    response = browser.post(path, {"name": "contacts of acme"})
    assert response.status_code == 400
    assert "this is not its name" in response.content.decode()
    assert browser.post(path, {"name": f" {row.name} "}, follow=True).redirect_chain == [(LIST, 302)]
    assert not Instance.objects.filter(pk=row.pk).exists()


def test_masked_fields_are_in_no_words(browser: Client, member: User, settings: Any) -> None:
    settings.MASKED_FIELDS = ["Email"]
    row = rows.instance(member)
    poller = rows.poller(row, failures=1)
    poll = rows.poll(poller, Poll.Status.FAILED, error="skipped: Email='ada@example.com' is no date")
    rows.change(row, delivery_status=Delivery.Status.RETRY, error='{"Email": "ada@example.com"} is not wanted')
    for path in (f"{LIST}/{row.pk}", f"{LIST}/{row.pk}/polls", f"{LIST}/{row.pk}/polls/watch?poll={poll.pk}"):
        text = page(browser, path)
        assert "ada@example.com" not in text
        assert "********" in text
