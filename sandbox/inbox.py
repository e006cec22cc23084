"""Inboxes: receivers of callbacks that show what they got, and can be made to fail."""

import base64
import json
import time
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from sandbox import pages_inbox, signatures, wire
from sandbox.bodies import BadBody, InboxBody, InboxFaultBody, check_name, control, query_number, read_body, refusal
from sandbox.clock import now_ms
from sandbox.contacts import Missing
from sandbox.models import DATABASE, Inbox, Message

KEPT_MESSAGES = 20_000
PRUNE_EVERY = 500
NO_FAULT: dict[str, Any] = {
    "status": 0,
    "delay_ms": 0,
    "drop": False,
    "truncate": False,
    "location": "",
    "retry_after_s": None,
    "remaining": None,
}


def inbox_named(name: str) -> Inbox:
    """Raises Missing."""
    inbox = Inbox.objects.filter(name=name).first()
    if inbox is None:
        raise Missing(f"There is no inbox {name}; the first callback or a PUT makes it")
    return inbox


def _inbox_for(name: str) -> Inbox:
    """The inbox with that name, made where it is new. Raises BadBody for a name that cannot be one."""
    check_name(name)
    return Inbox.objects.get_or_create(name=name)[0]


@csrf_exempt
def inbox_endpoint(request: HttpRequest, name: str) -> HttpResponse:
    """A browser's GET shows the inbox; every other method is a callback."""
    if request.method in ("GET", "HEAD"):
        return pages_inbox.inbox(request, name)
    try:
        body = request.body
        inbox = _inbox_for(name)
    except RequestDataTooBig:
        return refusal(413, "The body is too large")
    except BadBody as bad:
        return refusal(404, f"{bad.field}: {bad}", bad.field)
    announced = str(request.META.get("CONTENT_LENGTH") or "")
    if announced.isdigit() and len(body) < int(announced):  # the sender hung up, or was killed, in mid-sentence
        return refusal(400, "The body was cut short")
    fault, count = _store(inbox, request, body)
    time.sleep(fault["delay_ms"] / 1000)
    if fault["drop"]:
        return wire.drop(request)
    response = JsonResponse({"received": count}, status=_status(fault))
    if fault["location"]:
        response.headers["Location"] = fault["location"]
    if fault["retry_after_s"] is not None:
        response.headers["Retry-After"] = str(fault["retry_after_s"])
    return wire.truncate(request, response) if fault["truncate"] else response


def _status(fault: dict[str, Any]) -> int:
    return int(fault["status"] or (302 if fault["location"] else 200))


def _store(inbox: Inbox, request: HttpRequest, body: bytes) -> tuple[dict[str, Any], int]:
    """Keep the message; returns the fault that is due for it, and how many messages the inbox has now."""
    with transaction.atomic(using=DATABASE):
        inbox.refresh_from_db()
        fault = {name: getattr(inbox, name) for name in NO_FAULT}
        if inbox.remaining is not None:
            inbox.remaining -= 1
            if not inbox.remaining:
                Inbox.objects.filter(pk=inbox.pk).update(**NO_FAULT)
            else:
                inbox.save(update_fields=["remaining"])
        message = Message.objects.create(
            inbox=inbox,
            method=request.method or "",
            path=request.get_full_path()[:2000],
            headers=dict(request.headers),
            body=body,
            received_ms=now_ms(),
            status=wire.DROPPED if fault["drop"] else _status(fault),
        )
        if message.pk % PRUNE_EVERY == 0:
            kept = inbox.messages.order_by("-pk").values_list("pk", flat=True)[KEPT_MESSAGES - 1 : KEPT_MESSAGES]
            inbox.messages.filter(pk__lt=kept.first() or 0).delete()
        return fault, inbox.messages.count()


def message_json(message: Message, key: str) -> dict[str, Any]:
    body = bytes(message.body)
    return {
        "id": message.pk,
        "received_at_ms": message.received_ms,
        "method": message.method,
        "path": message.path,
        "headers": message.headers,
        "body_base64": base64.b64encode(body).decode("ascii"),
        "text": body.decode("utf-8", "replace"),
        "json": _parsed(body),
        "signature": signatures.verdict(key, body, message.headers.get(signatures.HEADER, "")),
        "status": message.status,
    }


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None  # callbacks may be anything; text has it as it is


def read_messages(request: HttpRequest, name: str) -> HttpResponse:
    """The messages after the id `after`, oldest first; an inbox that got nothing yet is empty."""
    inbox = Inbox.objects.filter(name=name).first()
    if inbox is None:
        return JsonResponse({"count": 0, "messages": []})
    messages = inbox.messages.filter(pk__gt=query_number(request, "after", 0)).order_by("pk")
    count = query_number(request, "count", KEPT_MESSAGES)
    return JsonResponse(
        {
            "count": inbox.messages.count(),
            "messages": [message_json(message, inbox.key) for message in messages[:count]],
        }
    )


def inbox_json(inbox: Inbox) -> dict[str, Any]:
    return {
        "name": inbox.name,
        "key": inbox.key,
        "count": inbox.messages.count(),
        "fault": {
            ("times" if name == "remaining" else name): getattr(inbox, name) for name in NO_FAULT
        },
    }  # fmt: skip


def read_inboxes(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"inboxes": [inbox_json(inbox) for inbox in Inbox.objects.order_by("name")]})


def read_inbox(request: HttpRequest, name: str) -> HttpResponse:
    return JsonResponse(inbox_json(inbox_named(name)))


def change_inbox(request: HttpRequest, name: str) -> HttpResponse:
    """Set the signature key and the fault, making the inbox where it is new."""
    body = read_body(request, InboxBody)
    inbox = _inbox_for(name)
    changed: dict[str, Any] = {} if body.key is None else {"key": body.key}
    if "fault" in body.model_fields_set:
        changed |= fault_fields(body.fault)
    if changed:
        Inbox.objects.filter(pk=inbox.pk).update(**changed)
    return JsonResponse(inbox_json(inbox_named(name)))


def fault_fields(fault: InboxFaultBody | None) -> dict[str, Any]:
    """The fields of an Inbox that make it answer so."""
    if fault is None:
        return NO_FAULT
    return {
        "status": fault.status or 0,
        "delay_ms": fault.delay_ms,
        "drop": fault.drop,
        "truncate": fault.truncate,
        "location": fault.location,
        "retry_after_s": fault.retry_after_s,
        "remaining": fault.times,
    }


def delete_inbox(request: HttpRequest, name: str) -> HttpResponse:
    inbox_named(name).delete()
    return JsonResponse({"deleted": name})


def clear(request: HttpRequest, name: str) -> HttpResponse:
    inbox = Inbox.objects.filter(name=name).first()
    return JsonResponse({"deleted": inbox.messages.all().delete()[0] if inbox else 0})


messages_endpoint = control(GET=read_messages)
control_inboxes_endpoint = control(GET=read_inboxes)
control_inbox_endpoint = control(GET=read_inbox, PUT=change_inbox, PATCH=change_inbox, DELETE=delete_inbox)
control_messages_endpoint = control(GET=read_messages, DELETE=clear)
