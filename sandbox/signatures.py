"""Whether a callback's signature holds; pure."""

import base64
import hashlib
import hmac

HEADER = "Elements-Webhook-Signature"


def signature(key: str, body: bytes) -> str:
    """`sha256=` and the base64 of HMAC-SHA256 over the exact bytes."""
    return "sha256=" + base64.b64encode(hmac.new(key.encode(), body, hashlib.sha256).digest()).decode("ascii")


def verdict(key: str, body: bytes, header: str) -> str:
    """`valid`, `invalid`, `missing` (there is a key, but no signature) or `no key`."""
    if not key:
        return "no key"
    if not header:
        return "missing"
    return "valid" if hmac.compare_digest(signature(key, body).encode(), header.strip().encode()) else "invalid"
