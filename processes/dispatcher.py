"""The loop that looks each second for what is due. Several may run; the one that holds the lease dispatches."""

import logging
import os
import signal
import socket
import time
from datetime import timedelta

from django.db import connections
from django.utils import timezone
from django_q.models import Schedule

from acton_hub import queue, tallies
from acton_hub.kernel import is_alive
from acton_hub.models import Heartbeat, Lease
from acton_hub.stopping import stopping
from processes import children, cluster, vitals

logger = logging.getLogger(__name__)

OFFICE = "dispatcher"
TERM = timedelta(seconds=5)
TICK_S = 1.0
BEAT_EVERY = 2  # ticks
ADD_UP_EVERY = 10  # ticks
ALERT_EVERY = 15  # ticks
LONGEST_PAUSE_S = 30.0
FORGET_AFTER = timedelta(hours=1)
BACKSTOP = "dispatch backstop"
DISPATCH = "polling.dispatch.dispatch"


def launch() -> int:
    """Fork a dispatcher; returns its process id."""
    return children.fork(run, "hub-dispatcher")


def run() -> None:
    """Dispatch until SIGTERM. Whatever goes wrong is logged, and tried again after 1, 2, 4, ... 30 s."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    name = f"{OFFICE}:{socket.gethostname()}:{os.getpid()}"
    pause_s, ticks = 1.0, 0
    while not stopping():
        began = time.monotonic()
        try:
            tick(name, ticks)
        except Exception:
            logger.exception("dispatcher failed again_in_s=%.0f", pause_s)
            connections.close_all()
            rest_s, pause_s = pause_s, min(pause_s * 2, LONGEST_PAUSE_S)
        else:
            ticks += 1
            pause_s, rest_s = 1.0, TICK_S - (time.monotonic() - began)
        vitals.dispatcher_beats()
        if _rest(rest_s):
            break
    leave(name)


def _rest(seconds: float) -> bool:
    """Wait, showing life; True when asked to stop meanwhile."""
    until = time.monotonic() + max(seconds, 0)
    while True:
        left = until - time.monotonic()
        if signal.sigtimedwait({signal.SIGTERM}, max(min(left, TICK_S), 0)) is not None:
            return True
        vitals.dispatcher_beats()
        if left <= TICK_S:
            return False


def tick(name: str, number: int) -> None:
    """One second's work of the dispatcher `name`."""
    from polling.dispatch import dispatch

    if number == 0:
        ensure_backstop()
        forget_dead()
    if number % BEAT_EVERY == 0:
        Heartbeat.objects.beat(name)
        if cluster.is_fully_busy():  # no worker is free to do it
            Heartbeat.objects.beat(cluster.name_of(vitals.cluster_pid()))
    if Lease.objects.acquire(OFFICE, name, TERM):
        dispatch()
        if number % ADD_UP_EVERY == 0:
            tallies.add_up()
        if number % ALERT_EVERY == 0:
            queue.wake("alerts.tasks.look")


def leave(name: str) -> None:
    """Let the next dispatcher begin at once."""
    try:
        Lease.objects.release(OFFICE, name)
        Heartbeat.objects.filter(name=name).delete()
    except Exception:
        logger.exception("the dispatcher's lease was not given back; it ends by itself")


def ensure_backstop() -> None:
    """django-q2 itself calls the same function each minute, should every dispatcher be gone."""
    defaults = {"func": DISPATCH, "schedule_type": Schedule.MINUTES, "minutes": 1, "repeats": -1}
    row, created = Schedule.objects.get_or_create(name=BACKSTOP, defaults=defaults)
    if not created and (row.func, row.schedule_type, row.minutes) != (DISPATCH, Schedule.MINUTES, 1):
        Schedule.objects.filter(pk=row.pk).update(**defaults)
    # A clock set back since would keep it silent until it comes there again.
    now = timezone.now()
    Schedule.objects.filter(pk=row.pk, next_run__gt=now + timedelta(minutes=2)).update(next_run=now)


def forget_dead() -> None:
    """Remove the heartbeats of processes that have ended: of this machine's at once, so that health speaks of no
    ghosts, of others' after an hour.
    """
    host = socket.gethostname()
    for name in Heartbeat.objects.filter(host=host).values_list("name", flat=True):
        if not is_alive(int(name.rpartition(":")[2])):
            Heartbeat.objects.filter(name=name).delete()
    Heartbeat.objects.filter(beat_at__lt=timezone.now() - FORGET_AFTER).delete()
