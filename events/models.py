"""What changed, the events and notifications made of it, and every attempt to deliver them (CONTRACT §5, §6)."""

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.db import connection, models
from django.db.models import Exists, OuterRef, Q

if TYPE_CHECKING:
    from instances.models import Instance

REPEATED_WITHIN = timedelta(hours=1)
INBOUND = "inbound:"  # the version of a change that came from outside begins so


class TrackedObject(models.Model):
    """What is remembered of one object of one poller: its last version and record, as long as the poller lives."""

    poller = models.ForeignKey("polling.Poller", on_delete=models.CASCADE, related_name="tracked_objects")
    object_id = models.CharField(max_length=300)
    version = models.CharField(max_length=100)
    record = models.TextField()  # JSON text
    sequence = models.PositiveIntegerField()  # grows by one with each change of the object
    list_id = models.CharField(max_length=100, blank=True)  # where it was seen last
    seen_sweep = models.BigIntegerField(default=0)  # the last sweep of ids that saw it: when that began, in ms
    deleted = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["poller", "object_id"], name="one_memory_an_object")]
        indexes = [models.Index(fields=["poller", "list_id", "seen_sweep"], name="object_by_sweep")]

    def __str__(self) -> str:
        return self.object_id


class EventType(models.TextChoices):
    CREATED = "CREATED"
    UPDATED = "UPDATED"
    DELETED = "DELETED"


class EventStatus(models.TextChoices):
    """CONTRACT §5: NEW stored, RECEIVED put in a batch, DISPATCHED queued, CONSUMED first attempt begun, NOTIFIED.

    A polled event is stored as DISPATCHED. One from outside begins as NEW, and ends as RECEIVED where its instance has
    no callback.
    """

    NEW = "NEW"
    RECEIVED = "RECEIVED"
    DISPATCHED = "DISPATCHED"
    CONSUMED = "CONSUMED"
    NOTIFIED = "NOTIFIED"


class EventQuerySet(models.QuerySet["Event"]):
    def to_be_arranged(self, now: datetime) -> "EventQuerySet":
        """Those from outside that nothing was made of yet, but for what is set aside until later."""
        later = SetAside.objects.filter(event=OuterRef("pk"), again_at__gt=now)
        return self.filter(status=EventStatus.NEW).exclude(Exists(later))


class Event(models.Model):
    """One row of the events API: one batch of at most 10 records of one instance and resource."""

    # Its own index would repeat what event_newest_first begins with.
    instance = models.ForeignKey("instances.Instance", on_delete=models.CASCADE, related_name="events", db_index=False)
    object_type = models.CharField(max_length=200)
    status = models.CharField(max_length=10, choices=EventStatus.choices, default=EventStatus.NEW)
    event_date = models.DateTimeField()
    provider_data = models.TextField()  # JSON text of the batch's raw

    objects = EventQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["instance", "-id"], name="event_newest_first"),
            models.Index(fields=["event_date"], name="event_by_date"),  # retention and analytics
            models.Index(fields=["id"], condition=Q(status=EventStatus.NEW), name="event_new"),
            # Among many that were accepted, what was not is found at once.
            models.Index(
                fields=["instance", "status", "-id"], condition=~Q(status=EventStatus.NOTIFIED), name="event_unsettled"
            ),
        ]

    def __str__(self) -> str:
        return f"event {self.pk} ({self.status})"


class SetAside(models.Model):
    """An event from outside of which nothing could be made, for a reason of its own: others pass it meanwhile."""

    event = models.OneToOneField(Event, on_delete=models.CASCADE, related_name="set_aside")
    failures = models.PositiveIntegerField(default=0)
    problem = models.TextField()
    since = models.DateTimeField()
    again_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "events set aside"

    def __str__(self) -> str:
        return f"event {self.event_id} is set aside"


class Change(models.Model):
    """One change of one object: a row of the console's event log."""

    # Instance and poller stand first in indexes below; their own would repeat these.
    instance = models.ForeignKey("instances.Instance", on_delete=models.CASCADE, related_name="changes", db_index=False)
    poller = models.ForeignKey(
        "polling.Poller", on_delete=models.SET_NULL, null=True, related_name="changes", db_index=False
    )
    poll = models.ForeignKey("polling.Poll", on_delete=models.SET_NULL, null=True, related_name="changes")
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="changes")
    object_type = models.CharField(max_length=200)
    object_id = models.CharField(max_length=300)
    event_type = models.CharField(max_length=10, choices=EventType.choices)
    version = models.CharField(max_length=100)
    sequence = models.PositiveIntegerField()
    occurred_ms = models.BigIntegerField(null=True)  # the record's own date; none known: null
    record = models.TextField()  # JSON text
    previous = models.TextField(blank=True)  # JSON text: the fields that changed, as they were before
    found_at = models.DateTimeField()

    class Meta:
        constraints = [
            # Promise 2: one version of one object is one change, whatever is polled twice.
            models.UniqueConstraint(fields=["poller", "object_id", "version"], name="one_change_a_version")
        ]
        indexes = [
            models.Index(fields=["instance", "-id"], name="change_newest_first"),
            models.Index(
                fields=["instance", "object_id", "-id"],
                name="change_by_object",
                opclasses=["int8_ops", "varchar_pattern_ops", "int8_ops"],  # so that it finds prefixes, too
            ),
            # All that the event log filters by: it is searched without a look at the rows, which are wide.
            models.Index(
                fields=["instance", "found_at", "id", "event_type", "object_type", "object_id", "event"],
                name="change_by_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.object_id}"

    @property
    def came_from_outside(self) -> bool:
        """Whether no poll found it: a webhook, or a call of the events API."""
        return self.version.startswith(INBOUND)


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def failing(self) -> "SubscriptionQuerySet":
        """Those whose callback accepts nothing, or is not called any more."""
        return self.filter(Q(active=False) | Q(failing_since__isnull=False))

    def of_topic(self, organization_id: int, topic: str, instance_id: int | None = None) -> "list[Subscription]":
        """Those that users made for that topic; and the instance's own, where there is one.

        Whether they are active holds until the caller's transaction ends.
        """
        mine = Q(instance=None) if instance_id is None else Q(instance=None) | Q(instance=instance_id)
        rows = self.filter(mine, organization=organization_id).order_by("pk")
        if connection.vendor == "postgresql":
            # Any number of polls may hold on to one side by side, for which Django has no word.
            sql, values = rows.values_list("pk").query.sql_with_params()
            with connection.cursor() as cursor:
                cursor.execute(f"{sql} FOR SHARE", values)
        return [row for row in rows if row.instance_id is not None or topic in row.topics]


class Subscription(models.Model):
    """Who is told. Each instance owns one, whose URL is the instance's callback; others are made by users."""

    organization = models.ForeignKey("accounts.Organization", on_delete=models.CASCADE, related_name="subscriptions")
    instance = models.OneToOneField(
        "instances.Instance", on_delete=models.CASCADE, null=True, related_name="subscription"
    )
    channel = models.CharField(max_length=10, default="webhook")
    topics = models.JSONField(default=list)
    url = models.CharField(max_length=2000, blank=True)  # of one that a user made
    active = models.BooleanField(default=True)
    host = models.CharField(max_length=300, blank=True, default="", db_index=True)  # of the URL, with its port
    failing_since = models.DateTimeField(null=True, blank=True)  # no delivery was accepted since
    timed_out = models.BooleanField(default=False)  # the host did not answer in time, and has not answered since
    not_before = models.DateTimeField(null=True, blank=True)  # it rests after a failure, or asked for patience
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SubscriptionQuerySet.as_manager()

    def __str__(self) -> str:
        return f"subscription {self.pk}"

    def save(self, *args: Any, **more: Any) -> None:
        """What is known of a host is forgotten with it."""
        host = urlsplit(self.callback_url).netloc.lower()
        if host != self.host:
            self.host, self.timed_out, self.not_before = host, False, None
        super().save(*args, **more)

    @property
    def callback_url(self) -> str:
        return self.instance.callback_url if self.instance else self.url


def body_of(notification_id: int, tail: str) -> str:
    """A notification's body: its id, which is not known before the row is stored, and the stored rest."""
    return f'{{"id": {notification_id}, {tail}'


class Notification(models.Model):
    """What a callback receives. Its body is fixed when it is made: every attempt sends the same bytes."""

    organization = models.ForeignKey("accounts.Organization", on_delete=models.CASCADE, related_name="notifications")
    instance = models.ForeignKey(
        "instances.Instance", on_delete=models.CASCADE, null=True, related_name="notifications"
    )
    event = models.OneToOneField(Event, on_delete=models.CASCADE, null=True, related_name="notification")
    webhook_id = models.UUIDField(default=uuid.uuid4, unique=True)
    topic = models.CharField(max_length=200)
    severity = models.CharField(max_length=10, default="low")
    acknowledged = models.BooleanField(default=False)
    # The body but for its first member, the row's own id, which is not known before the row is stored.
    body_tail = models.TextField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"notification {self.pk}"

    @property
    def body(self) -> bytes:
        """The exact bytes that are signed and sent (JSON, UTF-8)."""
        return body_of(self.pk, self.body_tail).encode()


class InboundCallQuerySet(models.QuerySet["InboundCall"]):
    def is_first(self, instance: "Instance", digest: str, now: datetime) -> bool:
        """Whether these bytes did not come within the hour before `now`; it is noted that they came.

        A caller that repeats what it saw fail does so soon; what is equal later is another event.
        """
        adapt = connection.ops.adapt_datetimefield_value
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO events_inboundcall (instance_id, digest, received_at) VALUES (%s, %s, %s) "
                "ON CONFLICT (instance_id, digest) DO UPDATE SET received_at = excluded.received_at "
                "WHERE events_inboundcall.received_at < %s",
                [instance.pk, digest, adapt(now), adapt(now - REPEATED_WITHIN)],
            )
            return bool(cursor.rowcount == 1)


class InboundCall(models.Model):
    """One call to an instance's secret address, known by its bytes, so that a repeated one is taken once."""

    instance = models.ForeignKey("instances.Instance", on_delete=models.CASCADE, related_name="inbound_calls")
    digest = models.CharField(max_length=64)
    received_at = models.DateTimeField()

    objects = InboundCallQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["instance", "digest"], name="one_call_a_body")]
        indexes = [models.Index(fields=["received_at"], name="inbound_call_old")]

    def __str__(self) -> str:
        return f"call {self.digest[:8]}"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def due(self, now: datetime) -> "DeliveryQuerySet":
        """Those to be attempted now and leased by nobody. `next_attempt_at` is null where nothing is to be done."""
        return self.filter(next_attempt_at__lte=now).filter(Q(lease_until=None) | Q(lease_until__lt=now))


class Delivery(models.Model):
    class Status(models.TextChoices):
        CREATED = "created"
        DELIVERED = "delivered"
        NOTIFIED = "notified"
        RETRY = "retry"
        QUEUED = "queued"

    notification = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="deliveries")
    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="deliveries")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.CREATED)
    failures = models.PositiveIntegerField(default=0)  # of the attempts that the failure policy counts
    attempts_made = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    lease_holder = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["notification", "subscription"], name="one_delivery_a_subscription")
        ]
        indexes = [
            models.Index(fields=["next_attempt_at"], condition=Q(next_attempt_at__isnull=False), name="delivery_due"),
            # In turn of the subscriptions (events/turns.py).
            models.Index(
                fields=["subscription", "next_attempt_at", "id"],
                condition=Q(next_attempt_at__isnull=False),
                name="delivery_due_in_turn",
            ),
            models.Index(fields=["lease_until"], condition=Q(lease_until__isnull=False), name="delivery_leased"),
            models.Index(fields=["notification"], condition=~Q(status="notified"), name="delivery_undelivered"),
            # What did not go well, for `/metrics` and the event log: those accepted at once never enter it.
            models.Index(
                fields=["status", "created_at"],
                condition=Q(status="retry") | Q(status="queued"),  # SQLite sees through OR, not through IN
                name="delivery_held_up",
            ),
        ]

    def __str__(self) -> str:
        return f"delivery {self.pk} ({self.status})"


class Attempt(models.Model):
    """One try to deliver: what was answered, or why nothing was."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    status_code = models.PositiveIntegerField(null=True)
    error = models.TextField(blank=True)
    response = models.TextField(blank=True)  # the first 64 KiB of the answer's body

    class Meta:
        indexes = [models.Index(fields=["delivery", "id"], name="attempt_in_order")]

    def __str__(self) -> str:
        return f"attempt {self.number} of delivery {self.delivery_id}"
