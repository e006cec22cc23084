"""After our clock was set back: what its later hands had put off must not wait until they stand there again.

Rows tell when their due time was set; where that lies ahead of now, the clock was set back since. What they hold is
due at once then, since how much of its pause has passed is not known; a lease ends within its term, as any other.
What comes early by that is harmless: calls of Act-On are counted on the steady clock, and a delivery has its id.
"""

import logging
import time
from datetime import datetime, timedelta

from django.db import models, transaction
from django.db.models import Q

from acton_hub import steady
from elements.acton.connections import REFRESH_LEASE
from elements.models import Connection
from events import outbox
from events.models import Delivery, Subscription
from polling import run
from polling.models import Poll, Poller

logger = logging.getLogger(__name__)

SLACK = timedelta(seconds=10)  # so much may the clocks of several machines differ
LOOK_S = 300.0  # between two looks without a reason: another machine's clock may have been ahead
AFTERMATH_S = 60.0  # so long processes may still store what they read from the clock before


class Watch:
    """Tells the process that dispatches when to mend: at first, after its clock was set back, and now and then."""

    def __init__(self) -> None:
        self._clock: steady.Stamp | None = None
        self._next = self._until = 0.0

    def is_due(self) -> bool:
        now = time.monotonic()
        if steady.moved_s(self._clock) < -SLACK.total_seconds():
            self._until = now + AFTERMATH_S
        self._clock = steady.stamp()
        if now < self._next and now > self._until:
            return False
        self._next = now + LOOK_S
        return True


def mend(now: datetime) -> int:
    """Bring everything that lies too far ahead back to `now`; returns how many rows that were."""
    set_later = {"next_attempt_at__isnull": False, "updated_at__gt": now + SLACK}
    put_off = Delivery.objects.filter(**set_later)
    asked = Subscription.objects.filter(not_before__gt=now, pk__in=put_off.values("subscription"))
    mended = _mend(asked, not_before=None)
    mended += _mend(put_off, next_attempt_at=now, updated_at=now)
    mended += _mend(Poller.objects.filter(scheduled_at__gt=now + SLACK), next_poll_at=now, scheduled_at=now)
    mended += _mend(Poll.objects.filter(status=Poll.Status.QUEUED, due_at__gt=now + SLACK), due_at=now)
    for objects, name, term in (
        (Delivery.objects.all(), "lease_until", outbox.LEASE),
        (Poll.objects.filter(status=Poll.Status.RUNNING), "lease_until", run.LEASE),
        (Connection.objects.all(), "poll_lease_until", run.LEASE),
        (Connection.objects.all(), "refresh_lease_until", REFRESH_LEASE),
    ):
        mended += _mend(objects.filter(Q(**{f"{name}__gt": now + term + SLACK})), **{name: now + term})
    if mended:
        logger.warning("the clock was set back: brought forward rows=%s", mended)
    return mended


def _mend(rows: "models.QuerySet[models.Model]", **values: datetime | None) -> int:
    """Looks before it writes: there is hardly ever anything, and writers wait for each other."""
    if not rows.exists():
        return 0
    with transaction.atomic():
        return rows.update(**values)
