"""Tells what is not told yet. A channel tells in order and as a whole: while it fails, all of it waits.

So a hundred alerts at once are one mail, no end is told before its begin, and a channel that is down is tried once
after each pause, not once for each message.
"""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from accounts.models import Organization
from acton_hub.queue import wake
from alerts import channels, watch
from alerts.models import Alert, Kind, Message

logger = logging.getLogger(__name__)
AT_ONCE = 100
FIRST_PAUSE = timedelta(seconds=15)
LONGEST_PAUSE = timedelta(hours=1)


def pause_after(attempts: int) -> timedelta:
    """15 s after the first attempt that failed, doubling to an hour; for ever, since an alert must not be lost."""
    return min(FIRST_PAUSE * (1 << min(attempts - 1, 20)), LONGEST_PAUSE)


def waiting(channel: str) -> "QuerySet[Message]":
    rows = Message.objects.filter(channel=channel, told_at=None).order_by("pk")
    return rows.select_related("alert__organization", "alert__instance")


def tell(now: datetime) -> None:
    """What is due on each channel that is set up."""
    for channel in channels.in_use():
        while _tell(channel, now) == AT_ONCE:
            pass


def _tell(channel: str, now: datetime) -> int:
    """One lot; returns how many messages were told."""
    messages = list(waiting(channel)[:AT_ONCE])
    if not messages or now < messages[0].next_attempt_at <= now + LONGEST_PAUSE:
        return 0  # what is put off for longer than that was so by a clock that was set back since
    rows = Message.objects.filter(pk__in=[message.pk for message in messages])
    try:
        channels.send(channel, messages)
    except channels.NotTold as error:
        again_at = now + pause_after(messages[0].attempts + 1)
        rows.update(attempts=F("attempts") + 1, error=str(error)[:1000], next_attempt_at=again_at)
        logger.warning("alerts not told channel=%s messages=%d error=%s", channel, len(messages), error)
        return 0
    rows.update(told_at=timezone.now(), error="")
    return len(messages)


def test_of(organization: Organization, now: datetime) -> Alert:
    """An alert that says that it is none; not stored."""
    text = "This is a test. Nothing is wrong; alerts of Acton Hub reach you."
    return Alert(
        organization=organization, kind=Kind.TEST, subject=f"test {now.isoformat()}", text=text,
        seen_at=now, began_at=now, ended_at=now,
    )  # fmt: skip


def make_test(organization: Organization, now: datetime) -> Alert:
    """Store a test alert, to be told as every other one."""
    alert = test_of(organization, now)
    with transaction.atomic():
        alert.save()
        watch.announce([alert], Message.Moment.BEGAN, now)
        wake("alerts.tasks.look")
    return alert
