"""The element instance: one authenticated use of the Act-On element by one application (CONTRACT §3)."""

import json
import secrets
from datetime import datetime
from typing import Any

from django.db import models

from acton_hub.encryption import EncryptedTextField, lookup_hash, lookup_hashes, new_secret


def new_webhook_key() -> str:
    """192 random bits that can stand in a URL."""
    return secrets.token_urlsafe(24)


class InstanceQuerySet(models.QuerySet["Instance"]):
    def with_token(self, token: str) -> "InstanceQuerySet":
        return self.filter(token_hash__in=lookup_hashes(token))


class Instance(models.Model):
    organization = models.ForeignKey("accounts.Organization", on_delete=models.CASCADE, related_name="instances")
    user = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="instances")
    connection = models.ForeignKey("elements.Connection", on_delete=models.PROTECT, related_name="instances")
    name = models.CharField(max_length=200)
    tags = models.JSONField(default=list)
    token = EncryptedTextField()
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    disabled = models.BooleanField(default=False)
    # Polling rests, at the operator's wish; its positions stay, and calls of resources are answered meanwhile.
    paused = models.BooleanField(default=False, db_default=False)
    events_enabled = models.BooleanField(default=False)
    refresh_minutes = models.PositiveIntegerField(default=15)
    # Every configuration key as it was given, but the secret ones: those are in `secrets`, as JSON.
    configuration = models.JSONField(default=dict)
    secrets = EncryptedTextField(default="{}")
    webhook_key = EncryptedTextField(default=new_webhook_key)  # of the address that Act-On's webhooks are sent to
    # The signature key before the one in use: for a while both sign, so that a callback can change over.
    former_signature_key = EncryptedTextField(default="", blank=True)
    former_signs_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = InstanceQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    def set_token(self, token: str = "") -> None:
        self.token = token or new_secret()
        self.token_hash = lookup_hash(self.token)

    @property
    def secret_values(self) -> dict[str, str]:
        values: dict[str, str] = json.loads(self.secrets)
        return values

    def set_secrets(self, values: dict[str, Any]) -> None:
        self.secrets = json.dumps(values)

    @property
    def callback_url(self) -> str:
        return str(self.configuration.get("event.notification.callback.url", ""))

    @property
    def signature_key(self) -> str:
        return self.secret_values.get("event.notification.signature.key", "")

    def signature_keys(self, now: datetime) -> list[str]:
        """The key in use, and the one before it while that is still good."""
        former = self.former_signature_key if self.former_signs_until and self.former_signs_until > now else ""
        return [key for key in (self.signature_key, former) if key]

    def retire_signature_key(self, key: str, until: datetime) -> None:
        """Keep `key`, which was in use till now, good until that moment; the caller saves."""
        self.former_signature_key, self.former_signs_until = key, until

    @property
    def basic_credentials(self) -> tuple[str, str] | None:
        """User name and password that the callback wants as HTTP basic authorization, if any."""
        name = self.configuration.get("event.notification.basic.username")
        return (str(name), self.secret_values.get("event.notification.basic.password", "")) if name else None

    @property
    def vendor_type(self) -> str:
        return str(self.configuration.get("event.vendor.type", "polling"))

    @property
    def tells_callback(self) -> bool:
        """Whether there is a callback that wants this instance's events."""
        return bool(self.events_enabled and self.callback_url)

    @property
    def state(self) -> str:
        """One word for people and programs: disabled, needs authentication, paused, polling."""
        if self.disabled:
            return "disabled"
        if self.connection.needs_authentication:
            return "needs authentication"
        return "polling" if self.events_enabled and not self.paused else "paused"

    def option(self, key: str, default: Any = None) -> Any:
        return self.configuration.get(key, default)
