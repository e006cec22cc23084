"""What is polled and when, how far it was read, and every poll that ran (CONTRACT §4, §9; DESIGN promises 1, 3, 6)."""

from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import F
from django.db.models.functions import Coalesce, Greatest

LATE_AFTER = timedelta(minutes=2)  # a hub that works queues what is due within a second, and runs it soon after


class PollerQuerySet(models.QuerySet["Poller"]):
    def active(self) -> "PollerQuerySet":
        """Those that a schedule or a person may poll now."""
        return self.filter(
            instance__disabled=False,
            instance__paused=False,
            instance__events_enabled=True,
            instance__connection__problem="",
        )

    def due(self, now: datetime) -> "PollerQuerySet":
        return self.active().filter(next_poll_at__lte=now)

    def lagging(self, now: datetime) -> "models.QuerySet[Any]":
        """Active ones with `lag_ms`: as `Poller.lag`, reckoned by the database."""
        now_ms = int(now.timestamp() * 1000)
        complete_ms = Coalesce(F("checked_ms"), F("started_ms"))
        behind_ms = now_ms + F("instance__connection__clock_offset_ms") - complete_ms
        return self.active().annotate(lag_ms=Greatest(behind_ms, 0))

    def late(self, now: datetime) -> "PollerQuerySet":
        """Those that should have run and did not; `Poller.late_since` tells one poller's moment by the same rule."""
        unfinished = Poll.objects.unfinished().filter(poller=models.OuterRef("pk"))
        waits_in_vain = models.Exists(unfinished.stuck(now))
        overdue = models.Q(next_poll_at__lt=now - LATE_AFTER) & ~models.Exists(unfinished)
        return self.active().filter(waits_in_vain | overdue)


class Poller(models.Model):
    """One resource of one instance. Its due time lives here, so that there cannot be two schedules for it."""

    instance = models.ForeignKey("instances.Instance", on_delete=models.CASCADE, related_name="pollers")
    resource = models.CharField(max_length=200)
    configuration = models.JSONField()
    # Epoch ms on Act-On's clock: the moment that events were enabled. What changed before it is not sent.
    started_ms = models.BigIntegerField()
    next_poll_at = models.DateTimeField()
    scheduled_at = models.DateTimeField(null=True)  # when `next_poll_at` was set
    failures = models.PositiveIntegerField(default=0)  # polls failed in a row
    checked_ms = models.BigIntegerField(null=True, blank=True)  # Act-On's clock: up to here nothing is missing
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PollerQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["instance", "resource"], name="one_poller_a_resource")]
        indexes = [
            models.Index(fields=["next_poll_at"], name="poller_due"),
            models.Index(fields=["scheduled_at"], name="poller_scheduled"),
        ]

    def __str__(self) -> str:
        return f"{self.instance} / {self.resource}"

    @property
    def interval(self) -> timedelta:
        return timedelta(minutes=self.instance.refresh_minutes)

    def lag(self, now: datetime) -> timedelta:
        """How long ago, on Act-On's clock, nothing was missing. Its instance's connection should be loaded."""
        now_ms = self.instance.connection.acton_ms(now)
        complete_ms = self.started_ms if self.checked_ms is None else self.checked_ms
        return timedelta(milliseconds=max(0, now_ms - complete_ms))

    def late_since(self, newest: "Poll | None", now: datetime) -> datetime | None:
        """When it should have run, where it did not; `newest` is its newest poll. Of an active poller only."""
        if newest is not None and newest.status == Poll.Status.QUEUED:
            since: datetime | None = newest.due_at
        elif newest is not None and newest.status == Poll.Status.RUNNING:
            since = newest.lease_until
        else:
            since = self.next_poll_at
        return since if since is not None and since < now - LATE_AFTER else None

    @property
    def schedule_key(self) -> str:
        """What the poller's place within its interval is taken from."""
        return f"{self.instance_id}/{self.resource}"


class Position(models.Model):
    """How far one poller has read one list: every change before `position_ms` (Act-On's clock) is stored."""

    poller = models.ForeignKey(Poller, on_delete=models.CASCADE, related_name="positions")
    list_id = models.CharField(max_length=100, blank=True)
    list_name = models.CharField(max_length=500, blank=True)
    position_ms = models.BigIntegerField()
    swept_ms = models.BigIntegerField(null=True, blank=True)  # Act-On's clock: when the last whole sweep of ids began
    moved_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["poller", "list_id"], name="one_position_a_list")]

    def __str__(self) -> str:
        return f"{self.list_id or 'all'} up to {self.position_ms}"


class PollQuerySet(models.QuerySet["Poll"]):
    def unfinished(self) -> "PollQuerySet":
        return self.filter(status__in=[Poll.Status.QUEUED, Poll.Status.RUNNING])

    def stuck(self, now: datetime) -> "PollQuerySet":
        """Those that nobody takes, and those whose process is gone and that nobody ended."""
        before = now - LATE_AFTER
        queued = models.Q(status=Poll.Status.QUEUED, due_at__lt=before)
        return self.filter(queued | models.Q(status=Poll.Status.RUNNING, lease_until__lt=before))

    def due(self, now: datetime) -> "PollQuerySet":
        """Those that wait to be run, their connection held by no one."""
        free = models.Q(poller__instance__connection__poll_lease_until=None) | models.Q(
            poller__instance__connection__poll_lease_until__lt=now
        )
        return self.filter(free, status=Poll.Status.QUEUED, due_at__lte=now)

    def abandoned(self, now: datetime) -> "PollQuerySet":
        """Those that began and whose process is gone: their lease has run out."""
        return self.filter(status=Poll.Status.RUNNING, lease_until__lt=now)


class Poll(models.Model):
    class Trigger(models.TextChoices):
        SCHEDULE = "schedule"
        MANUAL = "manual"
        BACKFILL = "backfill"

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"

    poller = models.ForeignKey(Poller, on_delete=models.CASCADE, related_name="polls")
    trigger = models.CharField(max_length=10, choices=Trigger.choices)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    queued_at = models.DateTimeField()
    due_at = models.DateTimeField()
    holder = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    resume = models.JSONField(null=True, blank=True)  # where the next slice of a long poll goes on
    # Of a backfill: {"from": ms, "dry_run": bool, "redeliver": bool, "list": id, or "" for all}.
    backfill = models.JSONField(null=True, blank=True)
    repeated = models.PositiveIntegerField(default=0)  # of a backfill: versions that were stored before
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    from_ms = models.BigIntegerField(null=True, blank=True)  # Act-On's clock; the earliest last poll date used
    to_ms = models.BigIntegerField(null=True, blank=True)  # Act-On's clock: where the positions moved to
    requests = models.PositiveIntegerField(default=0)
    records_read = models.PositiveIntegerField(default=0)
    events_created = models.PositiveIntegerField(default=0)
    records_skipped = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)

    objects = PollQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["poller"], condition=models.Q(status__in=["queued", "running"]), name="one_unfinished_poll"
            )
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(status="queued"), name="poll_waiting"),
            models.Index(fields=["lease_until"], condition=models.Q(status="running"), name="poll_running"),
            models.Index(fields=["poller", "-id"], name="poll_newest_first"),
        ]

    def __str__(self) -> str:
        return f"poll {self.pk} ({self.status})"
