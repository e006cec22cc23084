"""Rows to look at: each function stores one thing with what it cannot do without."""

import itertools
import json
from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts import bootstrap
from accounts.models import User
from acton_hub.encryption import lookup_hash
from elements.acton.default_poller import DEFAULT
from elements.models import CallBudget, Connection
from events.models import Attempt, Change, Delivery, Event, EventStatus, EventType, Notification, Subscription
from instances.models import Instance
from polling.models import Poll, Poller, Position

SECRET = "planted-secret"  # stands in every secret: no page may show it
NOW_MS = 1_764_000_000_000
_number = itertools.count(1)


def user(organization: str = "Acme", email: str = "operator@acme.example") -> User:
    return bootstrap.create_organization(organization, email)[1]


def connection(owner: User, **fields: Any) -> Connection:
    now = timezone.now()
    return Connection.objects.create(
        **{
            "organization": owner.organization,
            "budget": CallBudget.objects.create(scope=f"scope-{next(_number)}"),
            "host": "sandbox",
            "api_key": f"{SECRET}-api-key",
            "api_key_hash": lookup_hash(f"{SECRET}-api-key"),
            "api_secret": f"{SECRET}-api-secret",
            "access_token": f"{SECRET}-access-token",
            "refresh_token": f"{SECRET}-refresh-token",
            "access_expires_at": now + timedelta(hours=1),
            "refreshed_at": now,
        }
        | fields
    )


def instance(owner: User, name: str = "Contacts of Acme", **fields: Any) -> Instance:
    row = Instance(
        **{
            "organization": owner.organization,
            "user": owner,
            "connection": fields.pop("connection", None) or connection(owner),
            "name": name,
            "tags": ["Docs"],
            "events_enabled": True,
            "configuration": {
                "oauth.callback.url": "https://mycoolapp.com/auth",
                "event.notification.callback.url": "https://mycoolapp.com/events",
                "event.notification.basic.username": "callback-user",
                "event.poller.configuration": DEFAULT,
            },
        }
        | fields
    )
    row.set_token(f"{SECRET}-token-{next(_number)}")
    row.set_secrets(
        {
            "event.notification.signature.key": f"{SECRET}-signature-key",
            "event.notification.basic.password": f"{SECRET}-password",
        }
    )
    row.save()
    Subscription.objects.create(organization=owner.organization, instance=row)
    return row


def poller(of: Instance, resource: str = "contacts", **fields: Any) -> Poller:
    values = {"configuration": DEFAULT["contacts"], "started_ms": NOW_MS, "next_poll_at": timezone.now()} | fields
    return Poller.objects.create(instance=of, resource=resource, **values)


def position(of: Poller, list_id: str = "l-0001", **fields: Any) -> Position:
    return Position.objects.create(
        **{"poller": of, "list_id": list_id, "list_name": "Customers", "position_ms": NOW_MS} | fields
    )


def poll(of: Poller, status: str = Poll.Status.SUCCEEDED, **fields: Any) -> Poll:
    now = timezone.now()
    values = {"trigger": Poll.Trigger.SCHEDULE, "queued_at": now, "due_at": now, "started_at": now} | fields
    if status in (Poll.Status.SUCCEEDED, Poll.Status.FAILED):
        values = {"finished_at": now, "from_ms": NOW_MS - 60_000, "to_ms": NOW_MS} | values
    return Poll.objects.create(poller=of, status=status, **values)


def change(
    of: Instance,
    object_id: str = "",
    *,
    event_status: str = EventStatus.NOTIFIED,
    delivery_status: str = Delivery.Status.NOTIFIED,
    error: str = "",
    event: Event | None = None,
    **fields: Any,
) -> Change:
    """A change with its notification and delivery; or one more of the batch that `event` stands for."""
    number = next(_number)
    event = event or _notified(of, event_status, delivery_status, error)
    return Change.objects.create(
        **{
            "instance": of,
            "event": event,
            "object_type": "contacts",
            "object_id": object_id or f"l-0001:{number}",
            "event_type": EventType.UPDATED,
            "version": str(number),
            "sequence": 1,
            "occurred_ms": NOW_MS,
            "record": json.dumps({"_contact_id_": "l-0001:1", "Email": "ada@example.com", "City": "London"}),
            "found_at": timezone.now(),
        }
        | fields
    )


def _notified(of: Instance, event_status: str, delivery_status: str, error: str) -> Event:
    now = timezone.now()
    event = Event.objects.create(
        instance=of, object_type="contacts", status=event_status, event_date=now, provider_data="{}"
    )
    notification = Notification.objects.create(
        organization=of.organization,
        instance=of,
        event=event,
        topic="acton",
        body_tail='"topic": "acton", "message": {}}',
        created_at=now,
    )
    Delivery.objects.create(
        notification=notification,
        subscription=of.subscription,
        status=delivery_status,
        last_error=error,
        created_at=now,
        updated_at=now,
    )
    return event


def delivery(of: Change) -> Delivery:
    return Delivery.objects.get(notification__event=of.event)


def attempt(of: Delivery, number: int = 1, **fields: Any) -> Attempt:
    return Attempt.objects.create(
        **{"delivery": of, "number": number, "started_at": timezone.now(), "duration_ms": 42, "status_code": 200}
        | fields
    )
