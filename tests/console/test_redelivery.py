"""Delivering again from the trace, and the call that a shell can make instead."""

import base64
import html
import re
import shutil
import subprocess
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from events import delivery, signing
from events.models import Delivery, EventStatus, Notification
from tests.console import rows
from tests.receiver import Receiver

# What a shell, or a careless writer of one, could stumble over.
TAIL = '"topic": "acton", "message": {"name": "O\'Brien & $HOME `id` %s %% \\\\n ! ü", "lines": "a\\nb"}}\n'


def shown_call(browser: Client, change_id: int) -> str:
    text = browser.get(f"/console/events/{change_id}").content.decode()
    found = re.search(r'<code id="curl-\d+">(.*?)</code>', text, re.DOTALL)
    assert found, text
    return html.unescape(found[1])


@pytest.mark.parametrize("long", [False, True])
def test_the_curl_call_is_what_an_attempt_sends(browser: Client, member: User, receiver: Receiver, long: bool) -> None:
    assert shutil.which("curl"), "curl is not installed"
    row = rows.instance(member)
    row.configuration["event.notification.callback.url"] = receiver.url
    row.save()
    change = rows.change(row)
    tail = TAIL.replace("ü", "ü" * 100_000) if long else TAIL
    Notification.objects.update(body_tail=tail)
    password = row.secret_values["event.notification.basic.password"]
    call = shown_call(browser, change.pk)
    assert password not in call
    subprocess.run(["bash"], input=call.encode(), env={"CALLBACK_PASSWORD": password}, check=True, capture_output=True)

    sent_by_hub = delivery.letter(
        Delivery.objects.select_related("notification", "subscription__instance").get(), timezone.now()
    )
    (received,) = receiver.received
    assert received.body == sent_by_hub.body
    for name in ("Content-Type", "Elements-Webhook-Id", "Elements-Webhook-Signature", "webhook-id"):
        assert received.headers[name] == sent_by_hub.headers[name]
    assert signing.is_signed(row.signature_key, received.body, received.headers["Elements-Webhook-Signature"])
    moment = datetime.fromtimestamp(int(received.headers["webhook-timestamp"]), UTC)
    again = signing.standard_headers(received.headers["webhook-id"], [row.signature_key], received.body, moment)
    assert received.headers["webhook-signature"] == again["webhook-signature"]
    assert received.headers["User-Agent"] == "acton-hub"
    basic = base64.b64encode(f"callback-user:{password}".encode()).decode()
    assert received.headers["Authorization"] == f"Basic {basic}"


def test_redelivery_makes_the_same_notification_due(browser: Client, member: User) -> None:
    change = rows.change(
        rows.instance(member), event_status=EventStatus.CONSUMED, delivery_status=Delivery.Status.QUEUED, error="503"
    )
    before = Notification.objects.get()
    text = browser.post(f"/console/events/{change.pk}/redeliver", follow=True).content.decode()
    assert "It is delivered again, with the same id" in text
    after = Notification.objects.get()
    assert (after.webhook_id, after.body) == (before.webhook_id, before.body)
    row = Delivery.objects.get()
    assert row.status == Delivery.Status.CREATED
    assert row.next_attempt_at is not None


def test_without_a_delivery_there_is_nothing_to_deliver_again(browser: Client, member: User) -> None:
    change = rows.change(rows.instance(member))
    Delivery.objects.all().delete()
    text = browser.post(f"/console/events/{change.pk}/redeliver", follow=True).content.decode()
    assert "There is nothing to deliver again" in text


def test_many_attempts_are_cut_and_said_to_be(browser: Client, member: User) -> None:
    change = rows.change(rows.instance(member))
    row = rows.delivery(change)
    for number in range(1, 61):
        rows.attempt(row, number)
    Delivery.objects.update(attempts_made=60)
    text = browser.get(f"/console/events/{change.pk}").content.decode()
    assert text.count('data-label="Attempt"') == 50
    assert "60 attempts were made" in text


def test_the_polls_request_is_shown_as_it_was_made(browser: Client, member: User) -> None:
    row = rows.instance(member)
    poller = rows.poller(row)
    poll = rows.poll(poller, from_ms=1_763_999_940_000)
    change = rows.change(row, "l-0001:12", poller=poller, poll=poll)
    text = html.unescape(browser.get(f"/console/events/{change.pk}").content.decode())
    assert "/hubs/marketing/lists/l-0001/contacts?where=modafter='1763999940000'" in text
    assert "GET /api/1/list/l-0001?datequalifiers=true&count=1000&offset=0&modafter=1763999940000" in text
