"""What the queue calls."""

import time
import uuid

from django.utils import timezone
from django_q.models import Task

from accounts import audit, secret_rotation
from acton_hub import queue
from acton_hub.stopping import stopping
from events import retention
from polling import claims, driver
from polling.models import Poll

SIDE_BY_SIDE = 16
PRUNE_S = 60.0
WORK_S = 5.0  # a task ends soon, so that no other kind of task waits long for a worker


def run_due_polls() -> None:
    """Run what is queued; hand over to a fresh task where more is waiting than fits."""
    until = time.monotonic() + WORK_S
    while not stopping():
        holder = uuid.uuid4().hex
        try:
            polls = claims.claim(holder, SIDE_BY_SIDE, timezone.now())
            if not polls:
                return
            if len(polls) == SIDE_BY_SIDE:  # more may be due: whoever is idle joins at once
                queue.wake("polling.tasks.run_due_polls")
            driver.run_polls(holder, polls)
        finally:
            driver.release_connections(holder)
        if time.monotonic() > until:
            if Poll.objects.due(timezone.now()).exists():
                queue.wake("polling.tasks.run_due_polls")
            return


def prune() -> None:
    """Delete what is older than its retention: events, polls, former secrets, the queue's own notes on failed tasks."""
    until = time.monotonic() + PRUNE_S
    Task.objects.filter(stopped__lt=timezone.now() - claims.KEPT).delete()
    secret_rotation.prune(timezone.now())
    while retention.prune(timezone.now()) or claims.prune(timezone.now()) or audit.prune(timezone.now()):
        if stopping() or time.monotonic() > until:
            return
