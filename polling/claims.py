"""Which process runs which poll: leases on the poll and on its connection, both of which expire."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from acton_hub import tallies
from elements.models import Connection
from polling.models import Poll, Poller
from polling.run import LEASE

KEPT = timedelta(days=30)
PRUNED_AT_ONCE = 500
NOT_ACTIVE = "The instance was disabled, paused, switched off or lost its authentication before the poll began."


def claim(holder: str, most: int, now: datetime) -> list[Poll]:
    """Take up to `most` waiting polls; one process at a time holds a connection, so all of one go together."""
    candidates = list(
        Poll.objects.due(now)
        .select_related("poller__instance__connection", "poller__instance__organization")
        .order_by("due_at", "pk")[:most]
    )
    claimed = []
    for poll in candidates:
        with transaction.atomic():
            if not Poller.objects.active().filter(pk=poll.poller_id).exists():
                _refuse(poll, now)
            elif _lease_connection(poll.poller.instance.connection_id, holder, now) and _lease_poll(poll, holder, now):
                claimed.append(poll)
    return claimed


def _lease_connection(connection_id: int, holder: str, now: datetime) -> bool:
    free = Q(poll_lease_until=None) | Q(poll_lease_until__lt=now) | Q(poll_lease_holder=holder)
    return bool(
        Connection.objects.filter(free, pk=connection_id).update(poll_lease_holder=holder, poll_lease_until=now + LEASE)
    )


def _lease_poll(poll: Poll, holder: str, now: datetime) -> bool:
    poll.status, poll.holder, poll.lease_until = Poll.Status.RUNNING, holder, now + LEASE
    poll.started_at = poll.started_at or now
    return bool(
        Poll.objects.filter(pk=poll.pk, status=Poll.Status.QUEUED).update(
            status=poll.status, holder=holder, lease_until=poll.lease_until, started_at=poll.started_at
        )
    )


def _refuse(poll: Poll, now: datetime) -> None:
    if Poll.objects.filter(pk=poll.pk, status=Poll.Status.QUEUED).update(
        status=Poll.Status.FAILED, error=NOT_ACTIVE, finished_at=now
    ):
        tallies.add(*counted(poll, Poll.Status.FAILED))


def counted(poll: Poll, status: str) -> list[tallies.Amounts]:
    """What the metrics count of a poll that has just ended so."""
    took = [(timezone.now() - poll.started_at).total_seconds()] if poll.started_at else []
    return [
        tallies.count("polls", str(status)),
        tallies.observed("poll_seconds", took),
        tallies.count("records_read", amount=poll.records_read),
        tallies.count("records_skipped", amount=poll.records_skipped),
    ]


def prune(now: datetime) -> int:
    """Delete one batch of polls that ended more than 30 days ago; returns how many."""
    oldest = list(Poll.objects.order_by("pk").values_list("pk", "finished_at")[:PRUNED_AT_ONCE])  # found by their ids
    old = [pk for pk, finished_at in oldest if finished_at and finished_at < now - KEPT]
    Poll.objects.filter(pk__in=old).delete()
    return len(old)
