"""`/metrics`: who may read it, that it counts what happens, and that counting is cheap (CONTRACT §9)."""

import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from acton_hub import request_times, tallies
from acton_hub.environment import networks
from acton_hub.models import Tally
from elements.acton import limits
from elements.models import CallBudget
from events import delivery, inbound
from events.models import Attempt, Delivery, Subscription
from instances.models import Instance
from polling import claims, dispatch, driver, provisioning
from polling.models import Poll, Poller
from polling.tasks import run_due_polls
from tests import rows
from tests.act_on import Sandbox
from tests.api.scrapes import Scrape
from tests.receiver import Receiver

pytestmark = pytest.mark.django_db(databases="__all__")
# Those with a row a change, an event, a delivery, an attempt or a poll.
GROWING = ("events_change", "events_event", "events_notification", "events_delivery", "events_attempt", "polling_poll")
PARTIAL = ("delivery_due", "delivery_leased", "delivery_held_up", "event_new", "poll_waiting", "poll_running")


@pytest.fixture
def instance(user: User, receiver: Receiver) -> Instance:
    return rows.instance(user, receiver.url)


def test_it_is_prometheus_text_and_every_metric_says_what_it_is(client: Client, instance: Instance) -> None:
    scrape = Scrape(client)
    assert client.get("/metrics").headers["Content-Type"].startswith("text/plain; version=")
    assert scrape.families
    assert all(family.name.startswith("acton_hub_") and family.documentation for family in scrape.families)
    assert not [sample for sample in scrape.samples if "instance_id" in sample.labels]


@pytest.mark.parametrize(
    ("address", "headers", "behind_proxy", "status"),
    [
        ("127.0.0.1", {}, False, 200),
        ("::ffff:127.0.0.1", {}, False, 200),
        ("10.1.2.3", {}, False, 200),
        ("192.0.2.1", {}, False, 403),
        ("", {}, False, 403),
        ("192.0.2.1", {"Authorization": "Bearer s3cret"}, False, 200),
        ("127.0.0.1", {"Authorization": "Bearer wrong"}, False, 403),
        ("127.0.0.1", {"X-Forwarded-For": "192.0.2.1"}, False, 403),  # a proxy on this machine that is not spoken of
        ("127.0.0.1", {"X-Real-IP": "192.0.2.1"}, False, 403),
        ("127.0.0.1", {"Via": "1.1 proxy"}, False, 403),
        ("127.0.0.1", {"X-Forwarded-For": "192.0.2.1"}, True, 403),
        ("127.0.0.1", {"X-Forwarded-For": "192.0.2.1, 10.1.2.3"}, True, 200),
    ],
)
def test_who_may_read(
    client: Client, settings: Any, address: str, headers: dict[str, str], behind_proxy: bool, status: int
) -> None:
    settings.METRICS_ALLOW = networks("127.0.0.0/8, ::1/128, 10.0.0.0/8")
    settings.METRICS_TOKEN = "s3cret"
    settings.BEHIND_PROXY = behind_proxy
    response = client.get("/metrics", REMOTE_ADDR=address, headers=headers)
    assert response.status_code == status
    if status == 403:
        assert "METRICS_TOKEN" in response.json()["message"]


def test_a_token_opens_nothing_where_none_is_set(client: Client) -> None:
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.1", headers={"Authorization": "Bearer "}).status_code == 403


def test_deliveries_are_counted_by_outcome(client: Client, instance: Instance, receiver: Receiver) -> None:
    before = Scrape(client)
    rows.record(instance, rows.changes(25))
    assert Scrape(client).value("deliveries_waiting", **{"for": "due"}) == 3
    receiver.answers[:] = [200, 500]
    while delivery.deliver_batch("here", 1):
        Subscription.objects.update(not_before=None)  # as if it had rested
    now = Scrape(client)

    def risen(name: str, **labels: str) -> float:
        return now.value(name, **labels) - before.value(name, **labels)

    assert risen("changes_total", type="CREATED") == 25
    assert risen("events_total", origin="poll") == 3
    assert risen("attempts_total", outcome="accepted") == 1
    assert risen("attempts_total", outcome="refused") == risen("deliveries_total", outcome="retry") == 2
    assert risen("attempts_total") == Attempt.objects.count()
    assert risen("delivery_seconds_count") == 1
    assert now.value("deliveries_waiting", **{"for": "later"}) == 2


def test_what_is_queued_is_told_with_its_age(client: Client, user: User, receiver: Receiver) -> None:
    user.organization.failure_policy = "queue"
    user.organization.save()
    instance = rows.instance(user, receiver.url)
    before = Scrape(client)
    rows.record(instance, rows.changes(30))
    receiver.answers[:] = [500]
    delivery.deliver_batch("here", 1)
    now = Scrape(client)
    attempted = now.value("deliveries_total", outcome="queued") - before.value("deliveries_total", outcome="queued")
    assert attempted == Attempt.objects.count() >= 1
    assert now.value("deliveries_waiting", **{"for": "queued"}) == 3  # the others, too
    Delivery.objects.update(created_at=timezone.now() - timedelta(days=2))
    assert Scrape(client).value("delivery_age_seconds_max", status="queued") == pytest.approx(2 * 86_400, abs=60)


def test_events_from_outside_are_counted_when_something_is_made_of_them(client: Client, instance: Instance) -> None:
    before = Scrape(client)
    inbound.store_test(instance, timezone.now())
    waiting = Scrape(client)
    assert waiting.value("events_new") == 1
    assert waiting.value("events_total") == before.value("events_total")
    inbound.arrange(timezone.now())
    now = Scrape(client)
    assert now.value("events_new") == 0
    assert now.value("events_total", origin="outside") - before.value("events_total", origin="outside") == 1


def test_a_poll_that_never_ended_is_counted_as_failed(client: Client, instance: Instance) -> None:
    before = Scrape(client)
    gone = timezone.now() - timedelta(minutes=1)
    rows.poll(instance, status=Poll.Status.RUNNING, started_at=gone, lease_until=gone, records_read=12)
    for _ in range(2):
        dispatch.fail_abandoned(timezone.now())
    now = Scrape(client)
    assert now.value("polls_total", outcome="failed") - before.value("polls_total", outcome="failed") == 1
    assert now.value("records_read_total") - before.value("records_read_total") == 12


def test_what_is_not_stored_is_not_counted(client: Client, instance: Instance) -> None:
    before = Scrape(client)

    class Killed(Exception):
        pass

    def store_and_die() -> None:
        with transaction.atomic():
            rows.record(instance, rows.changes(5))
            raise Killed

    with pytest.raises(Killed):
        store_and_die()
    assert Scrape(client).value("changes_total") == before.value("changes_total")


def test_lags_are_a_histogram_on_act_ons_clock(client: Client, instance: Instance) -> None:
    now_ms = int(timezone.now().timestamp() * 1000)
    Poller.objects.update(started_ms=1, checked_ms=now_ms - 90_000)
    found = Scrape(client)
    assert found.value("poller_lag_seconds_bucket", le="60") == 0
    assert found.value("poller_lag_seconds_bucket", le="300") == found.value("poller_lag_seconds_count") == 1
    assert found.value("poller_lag_seconds_sum") == pytest.approx(90, abs=20)
    poller = Poller.objects.select_related("instance__connection").get()
    assert found.value("poller_lag_seconds_max") == pytest.approx(poller.lag(timezone.now()).total_seconds(), abs=20)
    instance.connection.clock_offset_ms = 1_000_000
    instance.connection.save()
    assert Scrape(client).value("poller_lag_seconds_max") == pytest.approx(1090, abs=20)
    instance.connection.problem = "Unauthorized"
    instance.connection.save()
    assert Scrape(client).value("poller_lag_seconds_count") == 0  # not an active one


def test_instances_have_series_of_their_own_only_where_that_is_asked_for(
    client: Client, instance: Instance, settings: Any
) -> None:
    assert not Scrape(client).values("acton_hub_instance_poller_lag_seconds")
    settings.METRICS_BY_INSTANCE = True
    Subscription.objects.update(failing_since=timezone.now())
    labels = {"instance_id": str(instance.pk), "resource": "contacts"}
    assert Scrape(client).values("acton_hub_instance_poller_lag_seconds", **labels)
    assert Scrape(client).values("acton_hub_instance_callback_failing_seconds", instance_id=str(instance.pk))


def test_polls_calls_and_dispatch_are_counted(client: Client, user: User) -> None:
    instance = rows.instance(user)
    before = Scrape(client)
    Poller.objects.update(next_poll_at=timezone.now() - timedelta(seconds=20))
    dispatch.queue_due_pollers(timezone.now())
    assert Scrape(client).value("polls_unfinished", status="queued") == 1
    (poll,) = claims.claim("here", 5, timezone.now())
    poll.poller.configuration = {"url": "/nowhere"}
    driver.run_polls("here", [poll])
    limits.reserve_call(instance.connection.budget_id, wait_s=1)
    limits.reserve_token_call(instance.connection.budget_id)
    limits.slow_down(instance.connection.budget_id, None)
    now = Scrape(client)
    for name, labels, by in [
        ("polls_total", {"outcome": "failed"}, 1),
        ("poll_seconds_count", {}, 1),
        ("dispatch_lateness_seconds_bucket", {"le": "10"}, 0),
        ("dispatch_lateness_seconds_bucket", {"le": "30"}, 1),
        ("acton_calls_total", {"kind": "api"}, 1),
        ("acton_calls_total", {"kind": "token"}, 1),
        ("acton_throttled_total", {}, 1),
    ]:
        assert now.value(name, **labels) - before.value(name, **labels) == by, name
    assert now.value("acton_calls_today_ratio_max") == CallBudget.objects.get().day_calls / limits.CALLS_A_DAY
    assert now.value("acton_accounts_paused") == 1


@pytest.mark.django_db(databases="__all__", transaction=True)
def test_a_poll_counts_its_records(client: Client, user: User, act_on: Sandbox) -> None:
    body = act_on.body()
    grant = provisioning.Grant(code=body["providerData"]["code"])
    instance = provisioning.create(user, name="n", tags=[], raw=body["configuration"], grant=grant)
    before = Scrape(client)
    act_on.account("POST", "/lists/l-0001/contacts", {"Email": "ada@example.com"})
    provisioning.poll_now(instance.pollers.get())
    run_due_polls()
    now = Scrape(client)
    read = Poll.objects.get().records_read
    assert read > 0
    for name, labels, by in [
        ("records_read_total", {}, read),
        ("changes_total", {"type": "CREATED"}, 1),
        ("polls_total", {"outcome": "succeeded"}, 1),
        ("acton_calls_total", {"kind": "api"}, Poll.objects.get().requests),
    ]:
        assert now.value(name, **labels) - before.value(name, **labels) == by, name


def test_request_times_are_told_by_area_and_status(client: Client) -> None:
    before = Scrape(client)
    for path in ("/version", "/elements/api-v2/version", "/hubs/marketing/lists", "/lists", "/instances/1", "/nothing"):
        client.get(path)
    now = Scrape(client)

    def risen(**labels: str) -> float:
        name = "request_seconds_count"
        return now.value(name, **labels) - before.value(name, **labels)

    assert risen(area="version", status="200") == 2
    assert risen(area="lists", status="401") == 2
    assert risen(area="instances", status="401") == 1
    assert risen(area="unknown", status="404") == 1
    assert {label for area in now.samples if (label := area.labels.get("area"))} <= AREAS


AREAS = {
    *("accounts", "campaigns", "console", "elements", "events", "forms", "healthz", "instances", "lists", "metrics"),
    *("notifications", "oauth", "objects", "optouts", "pages", "ping", "programs", "sandbox", "start", "static"),
    *("subscription-types", "unknown", "version"),
}


def test_request_times_outlive_a_database_that_was_away(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Scrape(client).value("request_seconds_count", area="version")
    client.get("/version")
    with monkeypatch.context() as away:
        away.setattr(tallies, "add", refuse)
        request_times.write()
    assert Scrape(client).value("request_seconds_count", area="version") == before + 1


def refuse(*amounts: tallies.Amounts) -> None:
    raise OperationalError("the database is away")


@pytest.mark.django_db(databases="__all__", transaction=True)
def test_adding_up_keeps_every_count_while_others_add(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallies, "SPARE", 5)
    started = threading.Barrier(3)

    def adding() -> None:
        started.wait()
        for _ in range(60):
            tallies.add(tallies.count("polls", "failed"), tallies.count("records_read", amount=7))
        connections.close_all()

    threads = [threading.Thread(target=adding) for _ in range(2)]
    for thread in threads:
        thread.start()
    started.wait()
    while any(thread.is_alive() for thread in threads):
        tallies.add_up()
    tallies.add_up()
    assert tallies.totals()["polls"] == {"failed": 120}
    assert tallies.totals()["records_read"] == {"": 840}
    assert Tally.objects.count() < 5 + 2


def plans(queries: list[str]) -> Iterator[tuple[str, str]]:
    """Query and plan. PostgreSQL scans a small table whole, unless that is made to look expensive."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        for query in queries:
            cursor.execute(f"EXPLAIN {'QUERY PLAN' if connection.vendor == 'sqlite' else ''} {query}")
            for row in cursor.fetchall():
                yield query, str(row[-1])


def test_no_table_that_grows_with_traffic_is_scanned(client: Client, instance: Instance) -> None:
    rows.record(instance, rows.changes(30))
    with CaptureQueriesContext(connection) as captured:
        assert Scrape(client).status == 200
    selects = [query["sql"] for query in captured if query["sql"].startswith("SELECT")]
    assert len(selects) > 10
    for query, step in plans(selects):
        scanned = re.match(r"\W*(?:SCAN|(?:Parallel )?Seq Scan on) (\w+)", step)
        whole = scanned and scanned[1] in GROWING and not any(index in step for index in PARTIAL)
        assert not whole, f"{step}\n{query}"
