"""`/events/{elementKey}`: events from outside (CONTRACT §5). Stored first, told afterwards."""

import hashlib
import json
import uuid
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpResponse
from django.utils import timezone
from pydantic import Field
from typing_extensions import TypedDict

from api.authorization import ApiRequest, Unauthenticated, authorize
from api.elements import known
from api.endpoint import LARGEST_ID, ApiError, answer
from api.instances import find
from api.operations import Query, operation
from events import recording, signing, webhooks
from events.models import InboundCall, Notification
from instances.models import Instance
from polling import provisioning

TAKEN = {"status": "taken"}
MOST_INSTANCES = 100


class InboundQuery(Query):
    key: str = Field("", description="of the instance's secret address")


class AddressAnswer(TypedDict):
    """`verified`: whether the instance's settings tell how to check Act-On's own signature."""

    url: str
    verified: bool


@operation("That this address takes events", query=InboundQuery, answer=dict[str, str], public=True)
def look(
    request: ApiRequest, query: InboundQuery, element: str = "acton", instance_id: int | None = None
) -> HttpResponse:
    known(element)
    return answer({"status": "ok"})


@operation(
    "Take an event from outside: Act-On's webhook, or another hub's notification",
    query=InboundQuery,
    answer=dict[str, Any],
    refuses=(401, 404, 413),
    public=True,
)
def take(
    request: ApiRequest, query: InboundQuery, element: str = "acton", instance_id: int | None = None
) -> HttpResponse:
    known(element)
    body = request.body
    try:
        payload = body.decode()
    except UnicodeDecodeError as error:
        raise ApiError(400, f"The body is not UTF-8 text (byte {error.start}).") from None
    if "\0" in payload:
        raise ApiError(400, "The body holds a NUL character.")
    if _is_our_own(request):
        return answer(TAKEN)
    if query.key:
        return _from_act_on(request, _at_secret_address(instance_id, query.key), payload)
    instances = _named(request, instance_id, payload)
    _may_call(request, instances, body)
    with transaction.atomic():
        events = [_store(instance, payload, webhooks.meaning_of(payload)) for instance in instances]
    return answer(TAKEN | {"events": [str(event) for event in events]})


def _is_our_own(request: ApiRequest) -> bool:
    """Whether it is a notification of this hub that came back to itself: then it ends here, and there is no loop."""
    try:
        given = uuid.UUID(request.headers.get("Elements-Webhook-Id", ""))
    except ValueError:
        return False
    return Notification.objects.filter(webhook_id=given).exists()


def _at_secret_address(instance_id: int | None, key: str) -> Instance:
    instance = _instances([instance_id] if instance_id is not None else [])
    if not instance or not webhooks.fits(instance[0], key):
        raise Unauthenticated("The address is not that of an instance.")
    return instance[0]


def _instances(ids: list[int]) -> list[Instance]:
    return list(Instance.objects.filter(pk__in=ids).select_related("organization"))


def _named(request: ApiRequest, instance_id: int | None, payload: str) -> list[Instance]:
    """The instances of the path, the header or the body. Raises ApiError (404) where one of them is not there."""
    text = request.headers.get("Element-Instances", "") if instance_id is None else str(instance_id)
    if not text.strip():
        text = str(_instance_of_body(payload))
    parts = [part.strip() for part in text.split(",") if part.strip()]
    ids = {int(part) for part in parts if part.isascii() and part.isdigit() and len(part) < 19}
    if len(parts) > MOST_INSTANCES:
        raise ApiError(400, f"Element-Instances: at most {MOST_INSTANCES} at once.")
    found = _instances([each for each in ids if each <= LARGEST_ID])
    if not found or len(found) != len(set(parts)):
        raise ApiError(404, "There is no instance that this event is for; nothing was stored.")
    return found


def _instance_of_body(payload: str) -> Any:
    try:
        return json.loads(payload)["message"]["instanceId"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def _may_call(request: ApiRequest, instances: list[Instance], body: bytes) -> None:
    """User and Organization of the instances, or a valid signature of each. Raises Unauthenticated, ApiError (404)."""
    given = request.headers.get("Elements-Webhook-Signature", "")
    if given and all(signing.is_signed(instance.signature_key, body, given) for instance in instances):
        return
    if request.headers.get("Authorization"):
        caller = authorize(request)
        if any(instance.organization_id != caller.organization.pk for instance in instances):
            raise ApiError(404, "There is no instance that this event is for; nothing was stored.")
        return
    raise Unauthenticated("The Authorization header is missing, and there is no valid signature.")


def _from_act_on(request: ApiRequest, instance: Instance, payload: str) -> HttpResponse:
    """Act-On's own webhook. Of an instance of webhooks, the same bytes are taken once."""
    header = request.headers.get(str(instance.option(webhooks.HEADER) or ""), "")
    if webhooks.check(instance, request.body, header) is False:
        raise Unauthenticated("Act-On's signature does not hold.")
    meaning = webhooks.meaning_of(payload)
    polled = instance.vendor_type == "webhooks" and meaning.is_polled
    try:
        with transaction.atomic():
            if instance.vendor_type == "webhooks":
                digest = hashlib.sha256(request.body).hexdigest()
                InboundCall.objects.create(instance=instance, digest=digest, received_at=timezone.now())
            if polled and provisioning.poll_soon(instance, meaning.object_type, timezone.now()):
                return answer(TAKEN | {"polled": meaning.object_type})
            event = _store(instance, payload, meaning)
    except IntegrityError:
        return answer(TAKEN | {"repeated": True})
    return answer(TAKEN | {"events": [str(event)]})


def _store(instance: Instance, payload: str, meaning: webhooks.Meaning) -> int:
    now = timezone.now()
    event = recording.record_inbound(
        instance,
        payload=payload,
        object_type=meaning.object_type,
        object_id=meaning.object_id or hashlib.sha256(payload.encode()).hexdigest()[:16],
        event_type=meaning.event_type,
        now=now,
    )
    return event.pk


@operation("The address to enter in Act-On's webhook settings; it is a secret", answer=AddressAnswer)
def address(request: ApiRequest, instance_id: int | None = None) -> HttpResponse:
    instance = find(request, instance_id)
    verified = bool(instance.secret_values.get(webhooks.SECRET)) and bool(instance.option(webhooks.HEADER))
    url = f"{settings.PUBLIC_URL}/elements/api-v2/events/acton/{instance.pk}?key={webhooks.key_of(instance)}"
    shown: AddressAnswer = {"url": url, "verified": verified}
    return answer(shown)
