"""The connection to Act-On: tokens, and the count of calls against Act-On's limits (CONTRACT §8)."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q

from acton_hub import steady
from acton_hub.encryption import EncryptedTextField


class CallBudget(models.Model):
    """What has been called of late on behalf of one Act-On account; the limits are kept from this, over all processes.

    An account is known by the keyed hash of (host, API key, account name). The row outlives a refused code,
    so that refused token calls count, too.
    """

    scope = models.CharField(max_length=64, unique=True)
    recent_calls = models.JSONField(default=list)  # epoch ms of the last calls' reserved moments, oldest first
    token_calls = models.JSONField(default=list)  # epoch ms of the last token calls, oldest first
    day = models.DateField(null=True)  # UTC
    day_calls = models.PositiveIntegerField(default=0)
    paused_until = models.DateTimeField(null=True)  # Act-On said "slow down"
    throttled = models.PositiveIntegerField(default=0)  # throttling answers in a row
    clock = models.JSONField(null=True)  # a stamp of acton_hub.steady: by which clock these moments are

    def __str__(self) -> str:
        return f"{self.scope[:8]}: {self.day_calls} calls on {self.day}"


class ConnectionQuerySet(models.QuerySet["Connection"]):
    def refresh_due(self, before: datetime, now: datetime) -> "ConnectionQuerySet":
        """Those whose refresh token was not used since `before` and that nobody refreshes just now (CONTRACT §8)."""
        free = Q(refresh_lease_until=None) | Q(refresh_lease_until__lt=now)
        return self.filter(free, refreshed_at__lt=before, problem="", budget__paused_until=None)


class Connection(models.Model):
    """One authorization at Act-On. Instances that name the same host, API key and account share it."""

    organization = models.ForeignKey("accounts.Organization", on_delete=models.CASCADE, related_name="connections")
    budget = models.ForeignKey(CallBudget, on_delete=models.PROTECT, related_name="connections")
    host = models.CharField(max_length=200)  # a URL, or the word "sandbox"
    account = models.CharField(max_length=200, blank=True)
    api_key = EncryptedTextField()
    api_key_hash = models.CharField(max_length=64)
    api_secret = EncryptedTextField()
    access_token = EncryptedTextField(blank=True)
    refresh_token = EncryptedTextField(blank=True)
    access_expires_at = models.DateTimeField()
    refreshed_at = models.DateTimeField()
    generation = models.PositiveIntegerField(default=1)  # grows with every new pair of tokens
    refresh_lease_until = models.DateTimeField(null=True, blank=True)
    poll_lease_holder = models.CharField(max_length=64, blank=True)
    poll_lease_until = models.DateTimeField(null=True, blank=True)
    problem = models.TextField(blank=True)  # why it needs authentication; empty = it works
    problem_since = models.DateTimeField(null=True, blank=True)
    clock_offset_ms = models.BigIntegerField(default=0)  # Act-On's clock less ours, from its last Date header
    clock = models.JSONField(null=True)  # a stamp of acton_hub.steady: our clock when these tokens came
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ConnectionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "host", "api_key_hash", "account"],
                condition=~Q(account=""),
                name="one_connection_a_named_account",
            )
        ]
        indexes = [
            models.Index(fields=["api_key_hash"], name="connection_by_api_key"),
            models.Index(fields=["refreshed_at"], name="connection_by_refresh"),
            models.Index(
                fields=["poll_lease_until"], condition=Q(poll_lease_until__isnull=False), name="connection_polled"
            ),
            models.Index(
                fields=["refresh_lease_until"],
                condition=Q(refresh_lease_until__isnull=False),
                name="connection_refreshed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.host_name} ({self.account or 'account not named'})"

    @property
    def host_name(self) -> str:
        return "sandbox" if self.host == "sandbox" else self.host.removeprefix("https://").removeprefix("http://")

    @property
    def api_url(self) -> str:
        """Where its API answers; the sandbox is stored as a word, since its port may change."""
        return settings.SANDBOX_API_URL if self.host == "sandbox" else self.host

    @property
    def needs_authentication(self) -> bool:
        return bool(self.problem)

    def expires_within(self, term: timedelta, now: datetime) -> bool:
        """Whether the access token expires so soon, however our clock was set since it came."""
        return self.access_expires_at <= now - timedelta(seconds=steady.moved_s(self.clock)) + term

    def acton_ms(self, now: datetime) -> int:
        """Act-On's clock (epoch ms) when ours shows `now`, however ours was set since Act-On last told the time."""
        return int((now.timestamp() - steady.moved_s(self.clock)) * 1000) + self.clock_offset_ms
