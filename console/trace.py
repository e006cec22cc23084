"""One change with everything that came of it: record, poll, notification, attempts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import Prefetch
from django.db.models.functions import Length, Substr
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from acton_hub import masking
from console import access, curl, records
from console.access import PageRequest, noted, operators_page, page
from elements.acton import sources
from events import delivery as sending
from events import outbox
from events.models import Attempt, Change, Delivery, Notification
from instances.configuration import MASK
from polling import templates

RESPONSE_HEAD = 2000  # characters of an answer that are shown
MOST_ATTEMPTS = 50


@dataclass(frozen=True)
class Sent:
    """One delivery with what an attempt made now would send."""

    delivery: Delivery
    url: str
    headers: dict[str, str]
    curl: str
    with_password: bool  # the callback wants basic authorization

    @property
    def name(self) -> str:
        """What tells it from others on the page."""
        return str(self.delivery.pk)


@require_safe
@page
def one(request: PageRequest, change_id: int) -> HttpResponse:
    change = access.change(request, change_id)
    notification = getattr(change.event, "notification", None)
    fields = records.fields(change.record, change.previous)
    context: dict[str, Any] = {
        "change": change,
        "fields": fields,
        "record": masking.in_json(change.record),
        "changed": sum(field.changed for field in fields),
        "siblings": change.event.changes.exclude(pk=change.pk).only("object_id", "event").order_by("pk"),
        "notification": notification,
        "asked": _asked(change),
    }
    if notification is not None:
        now = timezone.now()
        deliveries = _deliveries(notification)
        context["body"] = masking.in_json(notification.body.decode())
        context["sent"] = [_sent(each, now) for each in deliveries]
    return render(request, "console/event.html", context)


@require_POST
@operators_page
@noted("Deliver a notification again")
def redeliver(request: PageRequest, change_id: int) -> HttpResponse:
    """Make the deliveries of a change's notification due again: the same bytes, the same id."""
    change = access.change(request, change_id)
    count = outbox.release(Delivery.objects.filter(notification__event=change.event_id), timezone.now())
    if count:
        messages.success(request, "It is delivered again, with the same id. Load this page again to see how it went.")
    else:
        request.audit_target = None
        messages.error(request, "There is nothing to deliver again: it is on its way, or nobody is to be told.")
    return redirect("console:event", change.pk)


def _deliveries(notification: Notification) -> list[Delivery]:
    attempts = (
        Attempt.objects.defer("response")
        .annotate(head=Substr("response", 1, RESPONSE_HEAD), length=Length("response"))
        .order_by("-pk")
    )
    rows = (
        notification.deliveries.select_related("subscription__instance")
        .prefetch_related(Prefetch("attempts", queryset=attempts[:MOST_ATTEMPTS], to_attr="latest"))
        .order_by("pk")
    )
    for row in rows:
        row.notification = notification
        for attempt in getattr(row, "latest"):  # noqa: B009 - the prefetch above makes it
            attempt.head, attempt.error = masking.in_json(attempt.head), masking.in_words(attempt.error)
    return list(rows)


def _sent(delivery: Delivery, now: datetime) -> Sent:
    letter = sending.letter(delivery, now)
    basic = {"Authorization": f"Basic {MASK}"} if letter.basic else {}
    return Sent(delivery, letter.url, letter.headers | basic, curl.deliver(letter), bool(letter.basic))


def _asked(change: Change) -> dict[str, str]:
    """The poll's request for the change's list: the hub's URL, and Act-On's; filled with its last poll date.

    Taken from the poller as it is configured now. Empty where there is no poller any more, or it cannot be read.
    """
    if change.poller is None or change.poll is None or change.poll.from_ms is None:
        return {}
    list_id = change.object_id.rpartition(":")[0]
    named = list_id or sources.EVERY_LIST
    try:
        url = templates.fill(str(change.poller.configuration.get("url", "")), change.poll.from_ms)
        path, params = sources.source_of(url).request(0, list_id=named)
    except ValueError:
        return {}
    return {"hub": url.replace(sources.EVERY_LIST, named), "acton": f"GET {path}?{urlencode(params)}"}
