"""What goes with a notification's body: its stable id and its signature (CONTRACT §6)."""

import base64
import hashlib
import hmac
from datetime import datetime

from events.models import Notification


def signature(key: str, body: bytes) -> str:
    """`sha256=` and the base64 of HMAC-SHA256 over the exact bytes that are sent."""
    return "sha256=" + base64.b64encode(hmac.new(key.encode(), body, hashlib.sha256).digest()).decode("ascii")


def headers_for(webhook_id: str, key: str, body: bytes) -> dict[str, str]:
    """The platform's headers; no signature where no key is set."""
    headers = {"Content-Type": "application/json", "Elements-Webhook-Id": webhook_id}
    return headers | ({"Elements-Webhook-Signature": signature(key, body)} if key else {})


def key_bytes(key: str) -> bytes:
    """The HMAC key of Standard Webhooks: the text's UTF-8 bytes, or, behind `whsec_`, its base64 decoding."""
    if key.startswith("whsec_"):
        try:
            return base64.b64decode(key.removeprefix("whsec_"), validate=True)
        except ValueError:
            pass  # not base64: then it is a text like any other
    return key.encode()


def standard_headers(webhook_id: str, keys: list[str], body: bytes, now: datetime) -> dict[str, str]:
    """The headers of Standard Webhooks beside the platform's own (CONTRACT §9); none where no key is set.

    One signature a key, so that a receiver may know the new one or still the one before it.
    """
    if not keys:
        return {}
    timestamp = str(int(now.timestamp()))
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    digests = [hmac.new(key_bytes(key), signed, hashlib.sha256).digest() for key in keys]
    signatures = " ".join(f"v1,{base64.b64encode(digest).decode('ascii')}" for digest in digests)
    return {"webhook-id": webhook_id, "webhook-timestamp": timestamp, "webhook-signature": signatures}


def is_signed(key: str, body: bytes, given: str) -> bool:
    """Whether `given` is the platform's signature of that body; compared in constant time."""
    return bool(key) and hmac.compare_digest(signature(key, body).encode(), given.strip().encode())


def headers(notification: Notification) -> dict[str, str]:
    """The headers that an attempt made now would carry."""
    key = notification.instance.signature_key if notification.instance else ""
    return headers_for(str(notification.webhook_id), key, notification.body)
