"""The pages of the inboxes: what came, whether its signature holds, and how the inbox shall answer."""

import contextlib
import json
import re
from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from sandbox import signatures
from sandbox.forms import InboxFaultForm, InboxKeyForm, NameForm
from sandbox.models import ACCOUNT_NAME, Inbox, Message

MESSAGES_A_PAGE = 25
NO_FAULT = ("status", "delay_ms", "drop", "truncate", "location")


@require_http_methods(["GET", "HEAD", "POST"])
def inboxes(request: HttpRequest) -> HttpResponse:
    """Every inbox, and a form to open one."""
    form = NameForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return redirect("sandbox:inbox", Inbox.objects.get_or_create(name=form.cleaned_data["name"])[0].name)
    context = {
        "inboxes": Inbox.objects.annotate(size=Count("messages")).order_by("name"),
        "form": form,
        "address": request.build_absolute_uri(reverse("sandbox:inbox", args=["events"])),
    }
    return render(request, "sandbox/inboxes.html", context, status=400 if form.errors else 200)


def inbox(request: HttpRequest, name: str, **forms: Any) -> HttpResponse:
    """One inbox, newest message first; one that got nothing yet is shown empty."""
    shown = _inbox(name, unsaved=True)
    stored = Message.objects.filter(inbox=shown) if shown.pk else Message.objects.none()
    page = Paginator(stored.order_by("-pk"), MESSAGES_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "inbox": shown,
        "page": page,
        "shown": [_shown(message, shown.key) for message in page],
        "address": request.build_absolute_uri(reverse("sandbox:inbox", args=[name])),
        "key_form": InboxKeyForm(instance=shown),
        "fault_form": InboxFaultForm(),
        "faulty": any(getattr(shown, field) for field in NO_FAULT) or shown.retry_after_s is not None,
    }
    return render(request, "sandbox/inbox.html", context | forms, status=400 if forms else 200)


def _shown(message: Message, key: str) -> dict[str, Any]:
    body = bytes(message.body)
    text = body.decode("utf-8", "replace")
    with contextlib.suppress(ValueError):  # what is not JSON is shown as it came
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return {
        "message": message,
        "text": text,
        "received": datetime.fromtimestamp(message.received_ms / 1000, UTC),
        "signature": signatures.verdict(key, body, message.headers.get(signatures.HEADER, "")),
    }


def _inbox(name: str, *, unsaved: bool = False) -> Inbox:
    if not re.fullmatch(ACCOUNT_NAME, name):
        raise Http404
    if unsaved:
        return Inbox.objects.filter(name=name).first() or Inbox(name=name)
    return Inbox.objects.get_or_create(name=name)[0]


@require_POST
def change_inbox(request: HttpRequest, name: str) -> HttpResponse:
    """Set the signature key."""
    form = InboxKeyForm(request.POST, instance=_inbox(name))
    if not form.is_valid():
        return inbox(request, name, key_form=form)
    Inbox.objects.filter(name=name).update(key=form.cleaned_data["key"])
    messages.success(request, "Saved. Every message below was checked with this key.")
    return redirect("sandbox:inbox", name)


@require_POST
def change_fault(request: HttpRequest, name: str) -> HttpResponse:
    """Make the inbox fail, or let it answer 200 again."""
    form = InboxFaultForm({"delay_ms": "0"} if "end" in request.POST else request.POST)
    if not form.is_valid():
        return inbox(request, name, fault_form=form)
    given = dict(form.cleaned_data)
    remaining = given.pop("times")
    Inbox.objects.filter(pk=_inbox(name).pk).update(**given | {"status": given["status"] or 0, "remaining": remaining})
    messages.success(request, "Saved.")
    return redirect("sandbox:inbox", name)


@require_POST
def clear(request: HttpRequest, name: str) -> HttpResponse:
    _inbox(name).messages.all().delete()
    messages.success(request, "The inbox is empty.")
    return redirect("sandbox:inbox", name)
