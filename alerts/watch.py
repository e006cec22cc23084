"""Begins and ends alerts: each once, whichever process looks, and with its messages in the same transaction."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef

from alerts import channels, situations
from alerts.models import Alert, Kind, Message

KEPT = timedelta(days=90)
ROWS = 500


def check(now: datetime) -> None:
    """Compare what is with what is known: what is new begins, what is gone ends."""
    found = situations.found(now)
    known = {(alert.kind, alert.subject) for alert in _known()}
    fresh = [situation.as_alert(now) for key, situation in found.items() if key not in known]
    Alert.objects.bulk_create(fresh, ignore_conflicts=True, batch_size=ROWS)
    due, gone = [], []
    for alert in _known():
        if (alert.kind, alert.subject) not in found:
            gone.append(alert.pk)
        elif alert.began_at is None and now - alert.seen_at >= situations.SEEN_FOR.get(Kind(alert.kind), timedelta(0)):
            due.append(alert.pk)
    begin(due, now)
    end(gone, now)
    _prune(now)


def _known() -> Iterable[Alert]:
    return Alert.objects.open().exclude(kind=Kind.TEST)


def begin(ids: list[int], now: datetime) -> None:
    with transaction.atomic():
        new = list(Alert.objects.select_for_update().open().filter(pk__in=ids, began_at=None))
        Alert.objects.filter(pk__in=[alert.pk for alert in new]).update(began_at=now)
        announce(new, Message.Moment.BEGAN, now)


def end(ids: list[int], now: datetime) -> None:
    """What had not begun leaves no trace."""
    with transaction.atomic():
        over = list(Alert.objects.select_for_update().open().filter(pk__in=ids))
        Alert.objects.filter(pk__in=[alert.pk for alert in over if alert.began_at is None]).delete()
        begun = [alert for alert in over if alert.began_at is not None]
        Alert.objects.filter(pk__in=[alert.pk for alert in begun]).update(ended_at=now)
        announce(begun, Message.Moment.ENDED, now)


def announce(alerts: Iterable[Alert], moment: Message.Moment, now: datetime) -> None:
    """A message for each alert and each channel that is set up."""
    Message.objects.bulk_create(
        [
            Message(alert=alert, channel=channel, moment=moment, next_attempt_at=now)
            for alert in alerts
            for channel in channels.in_use()
        ],
        batch_size=ROWS,
    )


def _prune(now: datetime) -> None:
    untold = Message.objects.filter(alert=OuterRef("pk"), told_at=None)
    old = Alert.objects.filter(~Exists(untold), ended_at__lt=now - KEPT)
    Alert.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:ROWS])).delete()
