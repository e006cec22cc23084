"""What the queue calls."""

import time
import uuid

from django.utils import timezone

from acton_hub.queue import wake
from acton_hub.stopping import stopping
from events import delivery, inbound, sessions

BATCH = 256
WORK_S = 5.0  # a task ends soon, so that no other kind of task waits long for a worker


def deliver() -> None:
    """Send what is due, batch after batch; hand over to a fresh task where more is waiting than fits."""
    until = time.monotonic() + WORK_S
    try:
        while delivery.deliver_batch(uuid.uuid4().hex, BATCH):
            if stopping():
                return
            if time.monotonic() > until:
                wake("events.tasks.deliver")
                return
    finally:
        sessions.close_idle()


def arrange() -> None:
    """Make notifications of the events that came from outside.

    Those that come meanwhile have woken another task: so in a burst few tasks find many, instead of many a few.
    """
    while inbound.arrange(timezone.now()) == inbound.AT_ONCE and not stopping():
        pass
