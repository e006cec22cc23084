"""Act-On's own webhooks: what its 19 event types mean here, and who may send them (CONTRACT §8). Pure.

What polling sees as well, contacts that were added or updated, is left to a poll that is made at once: a webhook and a
poll of one change so make one event, with the whole record. Everything else becomes an event of its own.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from instances.configuration import WEBHOOK_HEADER, WEBHOOK_SECRET
from instances.models import Instance

TYPE_NAMES = ("eventType", "event_type", "type", "event")
ID_NAMES = ("contactId", "contact_id", "recordId", "record_id", "id", "objectId", "email", "Email")
POLLED = ("contact.added", "contact.updated")
# Event type of Act-On's → (resource, what it is here).
MEANINGS = {
    "contact.added": ("contacts", "CREATED"),
    "contact.updated": ("contacts", "UPDATED"),
    "contact-opt.global-opt-in": ("contacts", "UPDATED"),
    "contact-opt.global-opt-out": ("contacts", "UPDATED"),
    "contact-bounce.hard": ("contacts", "UPDATED"),
    "contact-bounce.soft": ("contacts", "UPDATED"),
    "contact-email.marked-as-spam": ("contacts", "UPDATED"),
    "contact-lead-score.upper-threshold-surpassed": ("contacts", "UPDATED"),
    "subscription-category.added": ("subscription-types", "CREATED"),
    "subscription-category.updated": ("subscription-types", "UPDATED"),
    "subscription-category.deleted": ("subscription-types", "DELETED"),
    "subscription-category.opt-in": ("subscription-types", "UPDATED"),
    "subscription-category.opt-out": ("subscription-types", "UPDATED"),
    "automated-program.started": ("programs", "UPDATED"),
    "automated-program.stopped": ("programs", "UPDATED"),
    "email-message.scheduled": ("campaigns", "UPDATED"),
    "form.submitted": ("forms", "CREATED"),
    "crm.connected": ("accounts", "UPDATED"),
    "crm.disconnected": ("accounts", "UPDATED"),
}
ANYTHING = ("events", "UPDATED")
TEST_TYPE = "hub.test"
OTHERS = {TEST_TYPE: ("test", "UPDATED")}


@dataclass(frozen=True)
class Meaning:
    """What an inbound body says: which type, of which resource and object, and what that is here."""

    act_on_type: str
    object_type: str
    event_type: str
    object_id: str

    @property
    def is_polled(self) -> bool:
        return self.act_on_type in POLLED


def meaning_of(payload: str) -> Meaning:
    """Read a body; one that says nothing that is known is an UPDATED event of `events`."""
    try:
        body: Any = json.loads(payload)
    except (ValueError, RecursionError):
        body = None
    fields = body if isinstance(body, dict) else {}
    told = next((str(fields[name]) for name in TYPE_NAMES if isinstance(fields.get(name), str)), "")
    resource, kind = (MEANINGS | OTHERS).get(told.strip().lower(), ANYTHING)
    nested = [fields[name] for name in ("data", "payload", "contact") if isinstance(fields.get(name), dict)]
    inner: dict[str, Any] = nested[0] if nested else {}
    return Meaning(told.strip().lower(), resource, kind, _id_of(fields | inner))


def _id_of(fields: dict[str, Any]) -> str:
    for name in ID_NAMES:
        value = fields.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).isprintable() and value != "":
            return str(value)[:300]
    return ""


def fits(instance: Instance, key: str) -> bool:
    """Whether that is the key of the instance's secret address; compared in constant time."""
    return hmac.compare_digest(instance.webhook_key.encode(), key.encode())


def is_verified(instance: Instance) -> bool:
    """Whether the instance's settings tell how to check Act-On's own signature."""
    return bool(instance.secret_values.get(WEBHOOK_SECRET) and instance.option(WEBHOOK_HEADER))


def check(instance: Instance, body: bytes, header: str) -> bool | None:
    """Whether Act-On's own signature holds; None where the instance's settings do not tell how to know."""
    if not is_verified(instance):
        return None
    secret = instance.secret_values[WEBHOOK_SECRET]
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    given = header.strip().removeprefix("sha256=").encode()
    known = (digest.hex().encode(), base64.b64encode(digest))
    return any(hmac.compare_digest(given, each) for each in known)
