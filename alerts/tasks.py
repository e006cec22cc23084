"""What the queue calls."""

import uuid
from datetime import timedelta

from django.utils import timezone

from acton_hub.models import Lease
from alerts import telling, watch

OFFICE = "alerts"
TERM = timedelta(minutes=2)  # longer than a mail server and a webhook that do not answer take


def look() -> None:
    """Begin and end alerts, and tell what is not told yet. One process at a time does it."""
    holder = uuid.uuid4().hex
    if not Lease.objects.acquire(OFFICE, holder, TERM):
        return
    try:
        watch.check(timezone.now())
        telling.tell(timezone.now())
    finally:
        Lease.objects.release(OFFICE, holder)
