"""What the processes of the hub tell each other through the database: signs of life, who holds which office, counts."""

import os
import socket
from datetime import datetime, timedelta
from typing import Any, Self

from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.utils import timezone

YOUNG = timedelta(seconds=15)  # a heart beats every 2 s; some slack for a loaded machine


class HeartbeatQuerySet(models.QuerySet[Any]):
    def beat(self, name: str) -> None:
        """`name` is alive now. One statement."""
        self.bulk_create(
            [self.model(name=name, host=socket.gethostname(), pid=os.getpid(), beat_at=timezone.now())],
            update_conflicts=True,
            unique_fields=["name"],
            update_fields=["host", "pid", "beat_at"],
        )

    def of(self, kind: str) -> Self:
        """Heartbeats of one kind of process: "cluster" or "dispatcher"."""
        return self.filter(name__startswith=f"{kind}:")

    def young(self, now: datetime) -> Self:
        """Those that beat lately; a time far ahead, left by a clock that was set back, is no proof of life."""
        return self.filter(beat_at__gte=now - YOUNG, beat_at__lte=now + YOUNG)


class Heartbeat(models.Model):
    """The last sign of life of a process that serves the whole hub, by name: `cluster:<host>:<pid>`."""

    name = models.CharField(max_length=300, unique=True)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField("process id")
    beat_at = models.DateTimeField()

    objects = HeartbeatQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class LeaseQuerySet(models.QuerySet[Any]):
    def acquire(self, name: str, holder: str, term: timedelta) -> bool:
        """Take or renew the lease for `term`; False while somebody else holds it.

        One conditional update, so that of two that try at the same instant one sees no row left to change.
        The row is inserted only once in the life of a database; its unique name decides a race there.
        """
        now = timezone.now()
        free = (
            Q(holder=holder) | Q(expires_at__lte=now) | Q(expires_at__gt=now + 2 * term)
        )  # the last: a clock set back
        if self.filter(free, name=name).update(holder=holder, expires_at=now + term):
            return True
        if self.filter(name=name).exists():
            return False
        try:
            with transaction.atomic(using=self.db):
                self.create(name=name, holder=holder, expires_at=now + term)
        except IntegrityError:
            return False
        return True

    def release(self, name: str, holder: str) -> None:
        """Give the lease back, if `holder` still has it."""
        self.filter(name=name, holder=holder).update(expires_at=timezone.now())


class Lease(models.Model):
    """An office that one process at a time holds, until a moment that it keeps pushing ahead."""

    name = models.CharField(max_length=200, unique=True)
    holder = models.CharField(max_length=300)
    expires_at = models.DateTimeField()

    objects = LeaseQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name} held by {self.holder}"


class Tally(models.Model):
    """So much was added to what is counted under a name; many rows of one name are one count (acton_hub.tallies)."""

    series = models.CharField(max_length=60)
    label = models.CharField(max_length=100, blank=True)
    amount = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "tallies"

    def __str__(self) -> str:
        return f"{self.series} {self.label}: {self.amount}"
