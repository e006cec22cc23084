"""Rows to test with, as the code itself would store them."""

import json
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from acton_hub.encryption import lookup_hash
from elements.acton import limits
from elements.acton.default_poller import DEFAULT
from elements.models import Connection
from events import recording
from events.changes import NewChange
from events.models import Subscription
from instances.models import Instance
from polling.models import Poll, Poller


def connection(user: User, **fields: Any) -> Connection:
    now = timezone.now()
    values = {
        "organization": user.organization,
        "budget": limits.budget_for("sandbox", "key", fields.get("account", "")),
        "host": "sandbox",
        "api_key": "key",
        "api_key_hash": lookup_hash(str(fields.get("api_key", "key"))),
        "api_secret": "secret",
        "access_token": "access",
        "refresh_token": "refresh",
        "access_expires_at": now + timedelta(hours=1),
        "refreshed_at": now,
    }
    return Connection.objects.create(**(values | fields))


def instance(user: User, callback_url: str = "http://127.0.0.1:9/events", **fields: Any) -> Instance:
    """An instance with a contacts poller that starts at 0."""
    key = fields.pop("signature_key", "")
    row = Instance(
        organization=user.organization,
        user=user,
        connection=fields.pop("connection", None) or connection(user),
        name=fields.pop("name", "Test instance"),
        tags=["Docs"],
        events_enabled=True,
        configuration={"event.notification.enabled": True, "event.notification.callback.url": callback_url},
        **fields,
    )
    row.set_token()
    row.set_secrets({"event.notification.signature.key": key} if key else {})
    row.save()
    Subscription.objects.create(organization=user.organization, instance=row)
    Poller.objects.create(
        instance=row,
        resource="contacts",
        configuration=DEFAULT["contacts"],
        started_ms=0,
        next_poll_at=timezone.now() + timedelta(hours=1),
    )
    return row


def poll(row: Instance, **fields: Any) -> Poll:
    now = timezone.now()
    values = {"trigger": Poll.Trigger.MANUAL, "status": Poll.Status.SUCCEEDED, "queued_at": now, "due_at": now}
    return Poll.objects.create(poller=row.pollers.get(), **(values | fields))


def changes(count: int, *, version: int = 1) -> list[NewChange]:
    return [
        NewChange(
            object_id=f"l-0001:{number}",
            version=f"{version}:hash",
            event_type="CREATED" if version == 1 else "UPDATED",
            sequence=version,
            occurred_ms=version,
            record=json.dumps({"_contact_id_": f"l-0001:{number}", "Version": str(version)}),
            previous="",
        )
        for number in range(count)
    ]


def record(row: Instance, new: list[NewChange]) -> None:
    """Store changes as a poll of the instance would."""
    with transaction.atomic():
        recording.record(
            row,
            poller_id=row.pollers.get().pk,
            poll_id=poll(row).pk,
            object_type="contacts",
            changes=new,
            now=timezone.now(),
        )
