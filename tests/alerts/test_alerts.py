"""Operators are told of four situations by mail and webhook: once when one begins, once when it ends."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone
from django_q.brokers import get_broker
from hypothesis import given
from hypothesis import strategies as st

from accounts import bootstrap
from accounts.models import User
from acton_hub import queue
from alerts import situations, tasks, telling, watch
from alerts.models import Alert, Kind, Message
from elements.models import CallBudget, Connection
from events.models import Subscription
from instances.models import Instance
from polling.models import Poller
from processes import dispatcher
from tests import rows
from tests.alerts.mailbox import Mailbox
from tests.alerts.webhook import told
from tests.receiver import Receiver

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def instance(user: User) -> Instance:
    """An instance that nothing is wrong with."""
    row = rows.instance(user, name="Sales")
    now_ms = int(timezone.now().timestamp() * 1000)
    Poller.objects.update(started_ms=now_ms, checked_ms=now_ms)
    return row


def in_(**term: float) -> datetime:
    return timezone.now() + timedelta(**term)


def set_lag(minutes: int) -> None:
    Poller.objects.update(checked_ms=int(in_(minutes=-minutes).timestamp() * 1000))


Change = Callable[[], Any]
# What makes each situation, and what ends it.
SITUATIONS: dict[Kind, tuple[Change, Change]] = {
    Kind.NEEDS_AUTHENTICATION: (
        lambda: Connection.objects.update(problem="Unauthorized"),
        lambda: Connection.objects.update(problem=""),
    ),
    Kind.CALLBACK_FAILS: (
        lambda: Subscription.objects.update(failing_since=in_(minutes=-61), host="app.example.com"),
        lambda: Subscription.objects.update(failing_since=None),
    ),
    Kind.POLLER_LAGS: (lambda: set_lag(46), lambda: set_lag(1)),
    Kind.DAY_LIMIT: (
        lambda: CallBudget.objects.update(day=timezone.now().date(), day_calls=24_000),
        lambda: CallBudget.objects.update(day=in_(days=-1).date()),
    ),
}
# So near that nothing is told yet.
NEARLY: dict[Kind, Change] = {
    Kind.CALLBACK_FAILS: lambda: Subscription.objects.update(failing_since=in_(minutes=-59)),
    Kind.POLLER_LAGS: lambda: set_lag(44),
    Kind.DAY_LIMIT: lambda: CallBudget.objects.update(day=timezone.now().date(), day_calls=23_999),
}


def look(now: datetime | None = None) -> None:
    watch.check(now or timezone.now())
    telling.tell(now or timezone.now())


@pytest.mark.parametrize("kind", SITUATIONS)
def test_a_situation_is_told_once_when_it_begins_and_once_when_it_ends(
    kind: Kind, instance: Instance, mail: Mailbox, hook: Receiver
) -> None:
    begins, ends = SITUATIONS[kind]
    look()
    assert not Alert.objects.exists()
    begins()
    for seconds in (0, 61, 122):
        look(in_(seconds=seconds))
    assert told(hook) == [(kind, "began")]
    assert mail.subjects == [f"[Acton Hub] {kind} began: Sales"]
    ends()
    for _ in range(3):
        look()
    assert told(hook) == [(kind, "began"), (kind, "ended")]
    assert mail.subjects[1:] == [f"[Acton Hub] {kind} ended: Sales"]
    begins()
    for seconds in (0, 61):
        look(in_(seconds=seconds))
    assert told(hook)[2:] == [(kind, "began")]  # another time
    assert Alert.objects.count() == 2


@pytest.mark.parametrize("kind", NEARLY)
def test_what_is_near_is_not_told(kind: Kind, instance: Instance, hook: Receiver) -> None:
    NEARLY[kind]()
    look()
    look(in_(seconds=30))
    assert not Alert.objects.exists()


def test_a_callback_that_is_not_called_any_more_is_told_at_once(instance: Instance, hook: Receiver) -> None:
    Subscription.objects.update(failing_since=in_(minutes=-1), active=False)
    look()
    assert told(hook) == [(Kind.CALLBACK_FAILS, "began")]
    assert "is not called any more" in Alert.objects.get().text


def test_the_page_says_that_all_is_well_only_where_callbacks_accept(instance: Instance, client: Client) -> None:
    client.force_login(instance.user)
    assert "All is well" in client.get("/console/alerts").content.decode()
    Subscription.objects.update(failing_since=in_(minutes=-1), host="app.example.com")
    look()
    page = client.get("/console/alerts").content.decode()
    assert not Alert.objects.exists()
    assert "All is well" not in page
    assert f'href="/console/instances/{instance.pk}">Sales</a> at <span class="id">app.example.com</span>' in page


def test_a_lag_that_passes_with_the_next_poll_is_not_told(instance: Instance, hook: Receiver) -> None:
    set_lag(500)  # enabled again after hours
    look()
    set_lag(0)
    look(in_(seconds=20))
    assert not hook.received
    assert not Alert.objects.exists()


@pytest.mark.django_db(databases="__all__", transaction=True)
def test_two_workers_at_once_tell_it_once(instance: Instance, user: User, mail: Mailbox, hook: Receiver) -> None:
    refused = rows.instance(user, connection=rows.connection(user, account="other")).connection
    kinds = [kind for kind in SITUATIONS if kind != Kind.NEEDS_AUTHENTICATION]

    def together() -> None:
        started = threading.Barrier(2)

        def work() -> None:
            started.wait()
            tasks.look()
            watch.check(timezone.now())  # even past the lease
            connections.close_all()

        workers = [threading.Thread(target=work) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        Alert.objects.update(seen_at=in_(seconds=-61))
        tasks.look()
        tasks.look()

    for kind in kinds:
        SITUATIONS[kind][0]()
    Subscription.objects.exclude(instance=instance).update(failing_since=None)
    Poller.objects.exclude(instance=instance).update(checked_ms=int(in_().timestamp() * 1000))
    CallBudget.objects.exclude(connections=instance.connection).update(day_calls=0)
    Connection.objects.filter(pk=refused.pk).update(problem="Unauthorized")
    together()
    assert Counter(told(hook)) == {(kind, "began"): 1 for kind in SITUATIONS}
    for _, ends in SITUATIONS.values():
        ends()
    together()
    assert Counter(told(hook)) == {(kind, moment): 1 for kind in SITUATIONS for moment in ("began", "ended")}


def test_who_comes_second_begins_and_ends_nothing(instance: Instance, hook: Receiver) -> None:
    SITUATIONS[Kind.CALLBACK_FAILS][0]()
    watch.check(timezone.now())
    (alert,) = Alert.objects.all()
    now = timezone.now()
    watch.begin([alert.pk], now)  # as a worker would whose look is older
    assert [message.moment for message in alert.messages.all()] == ["began"]
    watch.end([alert.pk], now)
    watch.end([alert.pk], now)
    assert [message.moment for message in alert.messages.order_by("pk")] == ["began", "ended"]


def test_what_is_told_says_what_is_wrong_and_where_to_look(
    instance: Instance, mail: Mailbox, hook: Receiver, settings: Any
) -> None:
    settings.PUBLIC_URL = "https://hub.example.com"
    SITUATIONS[Kind.NEEDS_AUTHENTICATION][0]()
    look()
    (sent,) = hook.received
    body = json.loads(sent.body)
    (alert,) = body["alerts"]
    assert alert["instanceId"] == instance.pk
    assert alert["url"] == f"https://hub.example.com/console/instances/{instance.pk}"
    assert (alert["endedAt"], alert["organization"]) == (None, "Test")
    assert "Unauthorized" in alert["text"]
    assert alert["text"] in body["text"]
    (letter,) = mail.mails
    assert letter["To"] == "ops@example.com, boss@example.com"
    assert letter["Auto-Submitted"] == "auto-generated"
    text = letter.get_content().replace("\n", " ")
    assert "Unauthorized" in text
    assert alert["url"] in text


def test_an_instance_named_with_a_line_break_breaks_no_mail(instance: Instance, mail: Mailbox) -> None:
    Instance.objects.update(name="Sales\nBcc: all@example.com")
    SITUATIONS[Kind.NEEDS_AUTHENTICATION][0]()
    look()
    assert mail.subjects == ["[Acton Hub] needs authentication began: Sales Bcc: all@example.com"]
    assert mail.mails[0]["Bcc"] is None


def test_a_channel_that_fails_is_tried_again_after_growing_pauses_in_order(
    instance: Instance, mail: Mailbox, hook: Receiver
) -> None:
    begins, ends = SITUATIONS[Kind.CALLBACK_FAILS]
    mail.refuses, hook.answers[:] = True, [500]
    begins()
    look()
    ends()
    look()
    assert len(hook.received) == 1  # the end waits with the begin
    assert {message.error for message in Message.objects.filter(moment="began")} == {
        "The mail server did not take it: SMTPDataError: (451, b'Not now')",
        "The callback answered 500",
    }
    look(in_(seconds=16))
    assert len(hook.received) == 2
    mail.refuses, hook.answers[:] = False, [200]
    look(in_(seconds=40))
    assert len(hook.received) == 2  # the second pause is longer
    look(in_(seconds=60))
    assert told(hook)[-2:] == [(Kind.CALLBACK_FAILS, "began"), (Kind.CALLBACK_FAILS, "ended")]
    assert mail.subjects == ["[Acton Hub] 1 alert began, 1 alert ended"]
    assert not Message.objects.filter(told_at=None).exists()


def test_a_mail_server_that_is_away_holds_up_no_webhook(
    instance: Instance, mail: Mailbox, hook: Receiver, settings: Any
) -> None:
    settings.EMAIL_PORT = 9
    SITUATIONS[Kind.NEEDS_AUTHENTICATION][0]()
    look()
    assert len(hook.received) == 1
    waiting = Message.objects.get(told_at=None)
    assert "ConnectionRefusedError" in waiting.error


def test_a_clock_that_is_set_back_leaves_no_channel_waiting(instance: Instance, hook: Receiver) -> None:
    hook.answers[:] = [500, 200]
    SITUATIONS[Kind.NEEDS_AUTHENTICATION][0]()
    look(in_(days=2))
    look()
    assert told(hook) == [(Kind.NEEDS_AUTHENTICATION, "began")] * 2
    assert not Message.objects.filter(told_at=None).exists()


def test_a_webhook_into_the_private_network_is_refused(instance: Instance, hook: Receiver, settings: Any) -> None:
    settings.OUTBOUND_ALLOW_PRIVATE = []
    settings.ALERT_WEBHOOK_URL += "/services/s3cret"
    SITUATIONS[Kind.NEEDS_AUTHENTICATION][0]()
    look()
    assert not hook.received
    assert "127.0.0.1" in Message.objects.get().error
    assert "s3cret" not in Message.objects.get().error


def test_a_storm_is_a_few_messages(user: User, mail: Mailbox, hook: Receiver) -> None:
    connection = rows.connection(user)
    for number in range(150):
        rows.instance(user, name=f"i{number}", connection=connection)
    look()
    look(in_(seconds=61))
    assert Counter(told(hook)) == {(Kind.POLLER_LAGS, "began"): 150}
    assert mail.subjects == ["[Acton Hub] 100 alerts began", "[Acton Hub] 50 alerts began"]


def test_instances_that_share_a_connection_are_one_alert(user: User, hook: Receiver) -> None:
    connection = rows.connection(user, problem="Unauthorized")
    for number in range(8):
        rows.instance(user, name=f"i{number}", connection=connection)
    (found,) = [each for each in situations.found(timezone.now()).values() if each.kind == Kind.NEEDS_AUTHENTICATION]
    assert "i0" in found.text
    assert "and 3 more" in found.text
    Instance.objects.update(disabled=True)
    assert not situations.found(timezone.now())


def test_what_is_deleted_ends(instance: Instance, hook: Receiver) -> None:
    SITUATIONS[Kind.CALLBACK_FAILS][0]()
    look()
    Instance.objects.all().delete()
    look()
    assert told(hook) == [(Kind.CALLBACK_FAILS, "began"), (Kind.CALLBACK_FAILS, "ended")]


def test_without_a_channel_alerts_are_kept_for_the_console(instance: Instance, client: Client) -> None:
    SITUATIONS[Kind.NEEDS_AUTHENTICATION][0]()
    look()
    assert Alert.objects.open().begun().count() == 1
    assert not Message.objects.exists()
    client.force_login(instance.user)
    assert "Unauthorized" in client.get("/console/alerts").content.decode()


def test_old_alerts_go_once_they_are_told(instance: Instance, hook: Receiver) -> None:
    begins, ends = SITUATIONS[Kind.NEEDS_AUTHENTICATION]
    begins()
    look()
    ends()
    hook.answers[:] = [500]
    look()
    Poller.objects.all().delete()  # would lag by then
    look(in_(days=91))
    assert Alert.objects.count() == 1
    hook.answers[:] = [200]
    look(in_(days=92))
    look(in_(days=92, hours=2))
    assert Alert.objects.count() == 0


def test_the_dispatcher_has_a_worker_look_now_and_then(django_capture_on_commit_callbacks: Any) -> None:
    broker = get_broker()
    broker.purge_queue()
    woken = []
    for number in range(2 * dispatcher.ALERT_EVERY):
        with django_capture_on_commit_callbacks(execute=True):
            dispatcher.tick("dispatcher:host:1", number)
        woken.append(any(queue._is(package, "alerts.tasks.look", ()) for package in broker.waiting()))
        broker.purge_queue()
    assert [number for number, is_woken in enumerate(woken) if is_woken] == [0, dispatcher.ALERT_EVERY]


@given(st.integers(1, 10_000))
def test_pauses_grow_to_an_hour(attempts: int) -> None:
    assert timedelta(seconds=15) <= telling.pause_after(attempts) <= timedelta(hours=1)
    assert telling.pause_after(attempts) <= telling.pause_after(attempts + 1)


def test_alerts_of_another_organization_are_not_shown(instance: Instance, client: Client) -> None:
    SITUATIONS[Kind.NEEDS_AUTHENTICATION][0]()
    look()
    stranger = bootstrap.create_organization("Other", "stranger@other.example")[0].users.get()
    client.force_login(stranger)
    assert "Unauthorized" not in client.get("/console/alerts").content.decode()
