"""The audit log: who did what from where. Bodies and queries are never in it, and so no secret is."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import AuditEntry, Organization, User

KEPT = timedelta(days=400)
BATCH = 500


def record(
    action: str,
    *,
    user: User | None = None,
    organization: Organization | None = None,
    who: str = "",
    target: str = "",
    request: HttpRequest | None = None,
) -> None:
    """Add an entry. Without a request it came from the command line."""
    AuditEntry.objects.create(
        organization=organization or (user.organization if user else None),
        user=user,
        who=(user.email if user else who)[:254].replace("\0", ""),
        at=timezone.now(),
        address=address_of(request) if request else "",
        action=action[:200],
        target=target[:300],
    )


def address_of(request: HttpRequest) -> str:
    """Where a request came from: behind a proxy, what the proxy says of it."""
    if settings.BEHIND_PROXY:
        forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
        if forwarded:
            return forwarded[:45]
    return str(request.META.get("REMOTE_ADDR", ""))[:45]


def prune(now: datetime) -> int:
    """Delete one batch of what is older than KEPT; returns how many."""
    old = list(AuditEntry.objects.filter(at__lt=now - KEPT).order_by("at").values_list("pk", flat=True)[:BATCH])
    AuditEntry.objects.filter(pk__in=old).delete()
    return len(old)


@receiver(user_logged_in)
def logged_in(sender: Any, request: HttpRequest, user: User, **more: Any) -> None:
    record("log in", user=user, request=request)


@receiver(user_logged_out)
def logged_out(sender: Any, request: HttpRequest, user: User | None, **more: Any) -> None:
    if user is not None:
        record("log out", user=user, request=request)


@receiver(user_login_failed)
def log_in_refused(sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **more: Any) -> None:
    """What was typed may be a password that went into the wrong field: only the address of somebody known is kept."""
    known = User.objects.filter(email__iexact=str(credentials.get("username", ""))[:254]).first()
    record("log in refused", user=known, who="unknown", request=request)
