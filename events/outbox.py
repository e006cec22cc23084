"""What is due to be delivered stands in the database: claimed under leases that expire, settled in bulk (promise 1)."""

import copy
import logging
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts.models import Organization
from acton_hub import tallies
from acton_hub.queue import wake
from events import retry
from events.models import Attempt, Delivery, Event, EventStatus, Subscription
from events.turns import Turn

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)  # longer than a batch works: its budget, one attempt, and storing
AT_ONCE = 1000  # rows that one statement names
CLAIMING = 0x61637468  # PostgreSQL's lock of that number is for claims
SETTLED_FIELDS = [
    "status", "failures", "attempts_made", "next_attempt_at", "lease_holder", "lease_until", "last_error", "updated_at",
]  # fmt: skip


_turn = Turn()


@dataclass(frozen=True)
class Outcome:
    """How one attempt went. `status_code` is None where no answer came."""

    delivery_id: int
    started_at: datetime
    duration_ms: int
    status_code: int | None = None
    error: str = ""
    response: str = ""
    timed_out: bool = False
    retry_after_s: float = 0.0  # what the callback asked for

    @property
    def accepted(self) -> bool:
        return self.status_code is not None and 200 <= self.status_code < 300

    @property
    def word(self) -> str:
        """One word for how it went, as the metrics count it."""
        if self.status_code is None:
            return "timed_out" if self.timed_out else "unreachable"
        return "accepted" if self.accepted else "refused"


@dataclass(frozen=True)
class Batch:
    """Deliveries leased to one holder."""

    holder: str
    deliveries: list[Delivery] = field(default_factory=list)


def claim(holder: str, most: int, now: datetime) -> Batch:
    """Lease up to `most` due deliveries, in turn of their subscriptions; as many of each as it may have."""
    with transaction.atomic():
        if connection.vendor == "postgresql":  # one claim at a time, or two would count the same ones in hand
            connection.cursor().execute("SELECT pg_advisory_xact_lock(%s)", [CLAIMING])
        chosen = _turn.choose(most, now)
        Delivery.objects.filter(pk__in=chosen).update(lease_holder=holder, lease_until=now + LEASE)
        deliveries = list(
            Delivery.objects.filter(pk__in=chosen)
            .select_related("notification", "subscription__instance", "subscription__organization")
            .order_by("next_attempt_at", "pk")
        )
        Event.objects.filter(
            pk__in=[delivery.notification.event_id for delivery in deliveries if _is_own(delivery)],
            status=EventStatus.DISPATCHED,
        ).update(status=EventStatus.CONSUMED)
    return Batch(holder, deliveries)


def _is_own(delivery: Delivery) -> bool:
    """Whether it goes to the instance's own callback: what users' subscriptions accept says nothing of the event."""
    return delivery.subscription.instance_id is not None


def settle(batch: Batch, outcomes: list[Outcome]) -> None:
    """Store attempts and what follows from them, in one transaction.

    A delivery whose lease has run out and went to another holder is left to that one.
    """
    by_id = {delivery.pk: delivery for delivery in batch.deliveries}
    now = timezone.now()
    with transaction.atomic():
        _lock(by_id, outcomes)
        held = set(
            Delivery.objects.select_for_update()
            .filter(pk__in=[outcome.delivery_id for outcome in outcomes], lease_holder=batch.holder)
            .order_by("pk")  # as retention.hold does
            .values_list("pk", flat=True)
        )
        # Copies: where the transaction fails it is tried again with what was claimed.
        settled = [(copy.copy(by_id[each.delivery_id]), each) for each in outcomes if each.delivery_id in held]
        Attempt.objects.bulk_create([_attempt(delivery, outcome) for delivery, outcome in settled])
        accepted = [delivery for delivery, outcome in settled if outcome.accepted]
        refused = [(delivery, outcome) for delivery, outcome in settled if not outcome.accepted]
        _log(settled)
        _accept(accepted, now)
        for delivery, outcome in refused:
            _refuse(delivery, outcome, now)
        Delivery.objects.bulk_update([delivery for delivery, _ in refused], SETTLED_FIELDS)
        _mark_subscriptions(accepted, [delivery for delivery, _ in refused], now)
        _mark_hosts(settled, now)
        tallies.add(*_counted(settled, now))


def _lock(by_id: dict[int, Delivery], outcomes: list[Outcome]) -> None:
    """Lock the subscriptions that may be changed, in the order of their ids and before any delivery.

    So two workers that settle at once take turns, where PostgreSQL would end one of them as a deadlock.
    """
    of = {outcome.delivery_id: by_id[outcome.delivery_id].subscription for outcome in outcomes}
    marked = {of[each.delivery_id].pk for each in outcomes if not each.accepted}
    timed_out = {of[each.delivery_id].host for each in outcomes if each.timed_out}
    answers = {of[each.delivery_id].host for each in outcomes if each.status_code}
    rows = Subscription.objects.filter(
        Q(pk__in=marked)
        | Q(pk__in={row.pk for row in of.values()}, failing_since__isnull=False)
        | Q(host__in=timed_out, timed_out=False)
        | Q(host__in=answers, timed_out=True)
    )
    list(rows.select_for_update(no_key=True).order_by("pk").values_list("pk"))


def _counted(settled: list[tuple[Delivery, Outcome]], now: datetime) -> list[tallies.Amounts]:
    """What the metrics count of these."""
    accepted = [delivery for delivery, outcome in settled if outcome.accepted]
    return [
        tallies.Amounts(("attempts", outcome.word) for _, outcome in settled),
        tallies.Amounts(("deliveries", "accepted" if each.accepted else row.status) for row, each in settled),
        tallies.observed("delivery_seconds", ((now - delivery.created_at).total_seconds() for delivery in accepted)),
    ]


def _log(settled: list[tuple[Delivery, Outcome]]) -> None:
    """A line for each that failed; those that were accepted, in one line a subscription."""
    accepted: dict[tuple[int | None, int], list[str]] = defaultdict(list)
    for delivery, outcome in settled:
        subscription = delivery.subscription
        if outcome.accepted:
            accepted[subscription.instance_id, subscription.pk].append(str(delivery.pk))
        else:
            logger.warning(
                "delivery failed delivery=%s notification=%s instance=%s subscription=%s attempt=%s error=%r",
                delivery.pk, delivery.notification_id, subscription.instance_id, subscription.pk,
                delivery.attempts_made + 1, outcome.error,
            )  # fmt: skip
    for (instance, subscription_id), found in accepted.items():
        logger.info("delivered instance=%s subscription=%s deliveries=%s", instance, subscription_id, ",".join(found))


def _attempt(delivery: Delivery, outcome: Outcome) -> Attempt:
    return Attempt(
        delivery=delivery,
        number=delivery.attempts_made + 1,
        started_at=outcome.started_at,
        duration_ms=outcome.duration_ms,
        status_code=outcome.status_code,
        error=outcome.error,
        response=outcome.response,
    )


def _accept(deliveries: list[Delivery], now: datetime) -> None:
    """All alike, in one statement."""
    Delivery.objects.filter(pk__in=[delivery.pk for delivery in deliveries]).update(
        status=Delivery.Status.NOTIFIED, attempts_made=F("attempts_made") + 1, next_attempt_at=None, last_error="",
        lease_holder="", lease_until=None, updated_at=now,
    )  # fmt: skip
    events = [event for each in deliveries if _is_own(each) and (event := each.notification.event_id)]
    Event.objects.filter(pk__in=events).update(status=EventStatus.NOTIFIED)


def _refuse(delivery: Delivery, outcome: Outcome, now: datetime) -> None:
    """The rule of CONTRACT §6: tried again later or, after the last retry, queued."""
    delivery.attempts_made += 1
    delivery.lease_holder, delivery.lease_until, delivery.updated_at = "", None, now
    delivery.failures += 1
    delivery.last_error = outcome.error
    queues = delivery.subscription.organization.failure_policy == Organization.FailurePolicy.QUEUE
    pause = None if queues else retry.pause_after(delivery.failures)
    if pause is None:
        delivery.status, delivery.next_attempt_at = Delivery.Status.QUEUED, None
    else:
        pause = max(pause, min(timedelta(seconds=outcome.retry_after_s), retry.LONGEST))
        delivery.status, delivery.next_attempt_at = Delivery.Status.RETRY, now + pause


def _mark_hosts(settled: list[tuple[Delivery, Outcome]], now: datetime) -> None:
    """A host that answers, whatever it says, answers; and what it asks for holds for all that is due there."""
    timed_out = {delivery.subscription.host for delivery, outcome in settled if outcome.timed_out}
    answers = {delivery.subscription.host for delivery, outcome in settled if outcome.status_code} - timed_out
    Subscription.objects.filter(host__in=timed_out, timed_out=False).update(timed_out=True)
    Subscription.objects.filter(host__in=answers, timed_out=True).update(timed_out=False)
    for delivery, outcome in settled:
        if outcome.retry_after_s:
            until = now + min(timedelta(seconds=outcome.retry_after_s), retry.LONGEST)
            Subscription.objects.filter(pk=delivery.subscription_id).update(not_before=until)


def _mark_subscriptions(accepted: list[Delivery], refused: list[Delivery], now: datetime) -> None:
    """A callback that accepts works again; one that does not is failing, and rests.

    After the last retry it is deactivated: what waits for it is queued until somebody releases it.
    """
    works = {delivery.subscription_id for delivery in accepted}
    fails = {delivery.subscription_id for delivery in refused} - works
    given_up = {delivery.subscription_id for delivery in refused if delivery.status == Delivery.Status.QUEUED} - works
    recovered = Subscription.objects.filter(pk__in=works, failing_since__isnull=False)
    # A rest ends; what the callback asked for beside it (Retry-After) does not.
    recovered.filter(not_before__lte=now + retry.MOST_REST).update(not_before=None)
    recovered.update(failing_since=None)
    failing = list(Subscription.objects.filter(pk__in=fails).only("failing_since", "not_before"))
    for row in failing:
        row.failing_since = row.failing_since or now
        row.not_before = max(row.not_before or now, now + retry.rest_after(now - row.failing_since))
    Subscription.objects.bulk_update(failing, ["failing_since", "not_before"])
    if given_up:
        Subscription.objects.filter(pk__in=given_up).update(active=False)
        Delivery.objects.filter(subscription__in=given_up, next_attempt_at__isnull=False).update(
            status=Delivery.Status.QUEUED, next_attempt_at=None, updated_at=now
        )


def release(deliveries: QuerySet[Delivery], now: datetime) -> int:
    """Make deliveries due again, as new, and their subscriptions active; returns how many. The bytes stay the same.

    Those that are just being attempted are left alone. A callback that was failing is until it accepts: it is tried at
    once, with one delivery.
    """
    with transaction.atomic():
        # What is in hand and queued meanwhile (its subscription was given up) keeps its lease, and is due behind it.
        free = deliveries.filter(Q(lease_until=None) | Q(lease_until__lt=now) | Q(status=Delivery.Status.QUEUED))
        # Locked first: what is being stored just now, as queued, is there when they are looked up.
        mine = Subscription.objects.filter(pk__in=set(free.values_list("subscription", flat=True)))
        list(mine.select_for_update(no_key=True).order_by("pk").values_list("pk"))
        chosen = list(free.values_list("pk", "subscription"))
        ids = [pk for pk, _ in chosen]
        for start in range(0, len(ids), AT_ONCE):
            Delivery.objects.filter(pk__in=ids[start : start + AT_ONCE]).update(
                status=Delivery.Status.CREATED, failures=0, next_attempt_at=now, updated_at=now
            )
        Subscription.objects.filter(pk__in={subscription for _, subscription in chosen}).update(
            active=True, not_before=None
        )
        wake("events.tasks.deliver")
    return len(ids)


def give_back(batch: Batch, delivery_ids: list[int]) -> None:
    """End the lease of what was not attempted; it is due as before."""
    if delivery_ids:
        Delivery.objects.filter(pk__in=delivery_ids, lease_holder=batch.holder).update(
            lease_holder="", lease_until=None
        )
