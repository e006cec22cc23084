"""What operators are told: situations that began and ended, and the messages that say so."""

from datetime import timedelta

from django.db import models
from django.db.models import Q
from django.utils import timezone


class Kind(models.TextChoices):
    NEEDS_AUTHENTICATION = "needs authentication"
    CALLBACK_FAILS = "callback fails"
    POLLER_LAGS = "poller lags"
    DAY_LIMIT = "day's limit"
    TEST = "test"


class AlertQuerySet(models.QuerySet["Alert"]):
    def open(self) -> "AlertQuerySet":
        """Those whose situation is there, told or not yet."""
        return self.filter(ended_at=None)

    def begun(self) -> "AlertQuerySet":
        return self.filter(began_at__isnull=False)


class Alert(models.Model):
    """One situation, from its begin to its end; another time the same is another alert."""

    organization = models.ForeignKey("accounts.Organization", on_delete=models.CASCADE, related_name="alerts")
    instance = models.ForeignKey("instances.Instance", on_delete=models.SET_NULL, null=True, related_name="alerts")
    kind = models.CharField(max_length=30, choices=Kind.choices)
    subject = models.CharField(max_length=100)  # what it is about: "connection:5"
    text = models.TextField()  # for people
    seen_at = models.DateTimeField()
    # Some situations pass by themselves: they have begun only once they were seen for a while.
    began_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        constraints = [
            # However many workers look, a situation is one alert while it lasts.
            models.UniqueConstraint(fields=["kind", "subject"], condition=Q(ended_at=None), name="one_open_alert")
        ]
        indexes = [models.Index(fields=["organization", "-id"], name="alert_newest_first")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.subject}"

    @property
    def lasted(self) -> timedelta:
        """How long it has lasted, or did."""
        return (self.ended_at or timezone.now()) - (self.began_at or self.seen_at)


class Message(models.Model):
    """That an alert began, or ended, on one channel; kept until it is told."""

    class Channel(models.TextChoices):
        MAIL = "mail"
        WEBHOOK = "webhook"

    class Moment(models.TextChoices):
        BEGAN = "began"
        ENDED = "ended"

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="messages")
    channel = models.CharField(max_length=10, choices=Channel.choices)
    moment = models.CharField(max_length=10, choices=Moment.choices)
    next_attempt_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)  # that failed
    error = models.TextField(blank=True)
    told_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["channel", "id"], condition=Q(told_at=None), name="message_to_tell")]

    def __str__(self) -> str:
        return f"{self.alert_id} {self.moment} by {self.channel}"
