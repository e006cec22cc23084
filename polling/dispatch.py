"""What is due, found in the database every second, and handed to the workers as wake-ups (DESIGN, processes).

A wake-up carries nothing: whoever wakes claims what is due then. So a lost one costs a second, never a change.
"""

import logging
import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from acton_hub import queue, tallies
from acton_hub.models import Lease
from elements.acton import connections
from elements.models import Connection
from events.models import Delivery, Event
from polling import claims, schedule, setback
from polling.models import Poll, Poller

logger = logging.getLogger(__name__)

MOST_A_TICK = 500
PRUNE_EVERY = timedelta(hours=1)
_watch = setback.Watch()
NEVER_ENDED = "The poll did not end: its process was stopped. It is run again."


def dispatch() -> None:
    """Queue due pollers, end what was abandoned, and wake the workers for whatever waits."""
    now = timezone.now()
    if _watch.is_due():
        setback.mend(now)
    fail_abandoned(now)
    queue_due_pollers(now)
    if Poll.objects.due(now).exists():
        queue.wake("polling.tasks.run_due_polls")
    if Event.objects.to_be_arranged(now).exists():
        queue.wake("events.tasks.arrange")
    if Delivery.objects.due(now).exists():
        queue.wake("events.tasks.deliver")
    if Connection.objects.refresh_due(now - connections.KEEP_ALIVE, now).exists():
        queue.wake("elements.tasks.keep_tokens_alive")
    # A lease that nobody gives back: taken once, it is free again after its term.
    if Lease.objects.acquire("retention", uuid.uuid4().hex, PRUNE_EVERY):
        queue.wake("polling.tasks.prune")


def fail_abandoned(now: datetime) -> None:
    """A poll that never ended is a failed poll; its poller is due again after the back-off."""
    for poll in Poll.objects.abandoned(now).select_related("poller__instance")[:MOST_A_TICK]:
        with transaction.atomic():
            ended = (
                Poll.objects.abandoned(now)
                .filter(pk=poll.pk)
                .update(status=Poll.Status.FAILED, error=NEVER_ENDED, finished_at=now, lease_until=None, resume=None)
            )
            if ended:
                logger.warning(
                    "poll never ended poll=%s poller=%s instance=%s", poll.pk, poll.poller_id, poll.poller.instance_id
                )
                tallies.add(*claims.counted(poll, Poll.Status.FAILED))
                Poller.objects.filter(pk=poll.poller_id).update(
                    failures=F("failures") + 1,
                    next_poll_at=schedule.after_failure(poll.poller.failures + 1, poll.poller.interval, 0, now),
                    scheduled_at=now,
                )


def queue_due_pollers(now: datetime) -> None:
    """One poll for each poller that is due, however late; its next due time moves on in the same transaction.

    One whose poll has begun stays due until it ends: what made it due may lie in a list that was read already.
    """
    begun = Poll.objects.unfinished().filter(started_at__isnull=False)
    with transaction.atomic():
        due = list(
            Poller.objects.due(now)
            .exclude(pk__in=begun.values("poller"))
            .select_related("instance")
            .order_by("next_poll_at")[:MOST_A_TICK]
        )
        if not due:
            return
        Poll.objects.bulk_create(
            [Poll(poller=poller, trigger=Poll.Trigger.SCHEDULE, queued_at=now, due_at=now) for poller in due],
            ignore_conflicts=True,  # one that is queued or running already serves as well
        )
        late = [(now - poller.next_poll_at).total_seconds() for poller in due]
        tallies.add(tallies.observed("dispatch_lateness_seconds", late))
        for poller in due:
            poller.next_poll_at = schedule.next_poll(poller.schedule_key, poller.interval, now)
            poller.scheduled_at = now
        Poller.objects.bulk_update(due, ["next_poll_at", "scheduled_at"])
