"""The audit log: who did what from where. Bodies and queries are never in it, and so no secret is."""

import logging
import threading
from collections import deque
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import AuditEntry, Organization, User
from acton_hub.errors import DATABASE_AWAY

logger = logging.getLogger(__name__)
KEPT = timedelta(days=400)
BATCH = 500
MOST_WAITING = 1000
CONSOLE = "console: "  # actions of the console begin so

_writing = threading.Lock()
_waiting: deque[AuditEntry] = deque()  # what a database that was away, or full, did not take; oldest first


def record(
    action: str,
    *,
    user: User | None = None,
    organization: Organization | None = None,
    who: str = "",
    target: str = "",
    request: HttpRequest | None = None,
) -> None:
    """Add an entry. Without a request it came from the command line.

    What a request did is done, and its caller is told so, even if the database takes nothing more just then: the entry
    waits in memory for `write_waiting`, and stands in the process's log until it is stored.
    """
    entry = AuditEntry(
        organization_id=organization.pk if organization else user.organization_id if user else None,
        user_id=user.pk if user else None,
        who=(user.email if user else who)[:254].replace("\0", ""),
        at=timezone.now(),
        address=address_of(request) if request else "",
        action=action[:200],
        target=target[:300],
    )
    try:
        entry.save(force_insert=True)
    except DATABASE_AWAY as error:
        # In a transaction what was done is undone with it, and the command line has nobody who would write it later.
        if request is None or connection.in_atomic_block or len(_waiting) >= MOST_WAITING:
            raise
        logger.error("audit entry waits for the database entry=%r error=%r", _in_words(entry), str(error).strip())
        _waiting.append(entry)


def _in_words(entry: AuditEntry) -> str:
    return " ".join(filter(None, (str(entry), entry.target, "from", entry.address)))


def write_waiting() -> None:
    """Store what waits in memory, as far as the database takes it; to be called every few seconds, and at the end."""
    with _writing:
        while _waiting:
            entry = _waiting[0]
            try:
                with transaction.atomic():
                    if entry.user_id and not User.objects.filter(pk=entry.user_id).exists():
                        entry.user_id = None  # gone meanwhile; stored entries outlive their users, too
                    entry.pk = None  # of a try whose COMMIT failed; somebody else may have it by now
                    entry.save(force_insert=True)
            except IntegrityError as error:  # its organization is gone, and all entries with it
                logger.error("audit entry of what is gone entry=%r error=%r", _in_words(entry), str(error).strip())
            except (DatabaseError, *DATABASE_AWAY):
                return  # the entry stands in the log already
            _waiting.popleft()


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
