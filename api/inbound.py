"""`/events/{elementKey}`: events from outside (CONTRACT §5). Stored first, told afterwards."""

import hashlib
import json
import uuid
from contextlib import nullcontext
from functools import cache
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.http import HttpResponse
from django.utils import timezone
from pydantic import Field
from typing_extensions import TypedDict

from accounts.models import Role
from api.authorization import ApiRequest, Unauthenticated, authorize
from api.elements import known
from api.endpoint import ApiError, answer, whole_body
from api.instances import find
from api.operations import Query, operation
from events import inbound, signing, webhooks
from events.models import InboundCall, Notification
from instances import configuration
from instances.models import Instance, new_webhook_key
from polling import provisioning

TAKEN = {"status": "taken"}
MOST_INSTANCES = 100
NOT_FOR_ANY = "There is no instance that this event is for; nothing was stored."


class InboundQuery(Query):
    key: str = Field("", description="of the instance's secret address")


class AddressAnswer(TypedDict):
    """`verified`: whether the instance's settings tell how to check Act-On's own signature."""

    url: str
    verified: bool


@operation(
    "Take an event from outside: Act-On's webhook, or another hub's notification",
    query=InboundQuery,
    answer=dict[str, Any],
    refuses=(401, 403, 404, 413),
    public=True,
)
def take(
    request: ApiRequest, query: InboundQuery, element: str = "acton", instance_id: int | None = None
) -> HttpResponse:
    """A GET's query is its event where it has no body; without either, and by HEAD, nothing is stored."""
    known(element)
    body = whole_body(request)
    if request.method != "POST":
        body = body or _query_as_json(request)
        if not body or request.method == "HEAD":
            return answer({"status": "ok"})
    return _taken(request, query, instance_id, body)


take_by_get = take.of(
    summary="Take an event as POST does, from the query or the body; without either, say that this address takes events"
)


def _query_as_json(request: ApiRequest) -> bytes:
    given = {name: values[0] if len(values) == 1 else values for name, values in request.GET.lists() if name != "key"}
    return json.dumps(given).encode() if given else b""


def _taken(request: ApiRequest, query: InboundQuery, instance_id: int | None, body: bytes) -> HttpResponse:
    try:
        payload = body.decode()
    except UnicodeDecodeError as error:
        raise ApiError(400, f"The body is not UTF-8 text (byte {error.start}).") from None
    if "\0" in payload:
        raise ApiError(400, "The body holds a NUL character.")
    if _is_our_own(request):
        return answer(TAKEN)
    if query.key:
        return _from_act_on(request, _at_secret_address(instance_id, query.key), body, payload)
    instance_ids = _named(request, instance_id, payload)
    _may_call(request, instance_ids, body)
    try:
        with transaction.atomic() if len(instance_ids) > 1 else nullcontext():
            return _store(instance_ids, payload, webhooks.meaning_of(payload))
    except IntegrityError:  # one was deleted since it was looked up
        raise ApiError(404, NOT_FOR_ANY) from None


def _is_our_own(request: ApiRequest) -> bool:
    """Whether it is a notification of this hub that came back to itself: then it ends here, and there is no loop."""
    try:
        given = uuid.UUID(request.headers.get("Elements-Webhook-Id", ""))
    except ValueError:
        return False
    return Notification.objects.filter(webhook_id=given).exists()


def _at_secret_address(instance_id: int | None, key: str) -> Instance:
    instance = Instance.objects.filter(pk=instance_id or 0).first()
    if instance is None or not webhooks.fits(instance, key):
        raise Unauthenticated("The address is not that of an instance.")
    return instance


def _named(request: ApiRequest, instance_id: int | None, payload: str) -> list[int]:
    """The ids in the path, the header or the body. Raises ApiError (404) where one of them cannot be there."""
    if instance_id is not None:
        return [instance_id]
    text = request.headers.get("Element-Instances", "").strip() or str(_instance_of_body(payload))
    parts = {part.strip() for part in text.split(",") if part.strip()}
    if len(parts) > MOST_INSTANCES:
        raise ApiError(400, f"Element-Instances: at most {MOST_INSTANCES} at once.")
    ids = {int(part) for part in parts if part.isascii() and part.isdigit() and len(part) < 19}
    if not ids or len(ids) != len(parts):
        raise ApiError(404, NOT_FOR_ANY)
    return sorted(ids)


def _instance_of_body(payload: str) -> Any:
    try:
        return json.loads(payload)["message"]["instanceId"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def _may_call(request: ApiRequest, instance_ids: list[int], body: bytes) -> None:
    """User and Organization of the instances, or a valid signature of each.

    Raises ApiError (404) where one of the instances is not there, or not the caller's, and Unauthenticated.
    """
    given = request.headers.get("Elements-Webhook-Signature", "")
    instances = Instance.objects.filter(pk__in=instance_ids)
    if given:
        found = list(instances)
        if len(found) == len(instance_ids) and all(_is_signed(row, body, given) for row in found):
            return
    if not request.headers.get("Authorization"):
        if instances.count() != len(instance_ids):
            raise ApiError(404, NOT_FOR_ANY)
        raise Unauthenticated("The Authorization header is missing, and there is no valid signature.")
    caller = authorize(request, Role.OPERATOR)
    if _owners(instance_ids) != [caller.organization.pk] * len(instance_ids):
        raise ApiError(404, NOT_FOR_ANY)


def _owners(instance_ids: list[int]) -> list[int]:
    """The organizations of those of the instances that are there."""
    with connection.cursor() as cursor:
        cursor.execute(_owners_statement(len(instance_ids)), instance_ids)
        return [owner for (owner,) in cursor.fetchall()]


@cache
def _owners_statement(count: int) -> str:
    """As Django writes it: writing it costs more than running it."""
    rows = Instance.objects.filter(pk__in=range(count)).values_list("organization_id", flat=True)
    return str(rows.query.sql_with_params()[0])


def _is_signed(instance: Instance, body: bytes, given: str) -> bool:
    return any(signing.is_signed(key, body, given) for key in instance.signature_keys(timezone.now()))


def _from_act_on(request: ApiRequest, instance: Instance, body: bytes, payload: str) -> HttpResponse:
    """Act-On's own webhook. Of an instance of webhooks, the same bytes are taken once within an hour."""
    header = request.headers.get(str(instance.option(configuration.WEBHOOK_HEADER) or ""), "")
    if webhooks.check(instance, body, header) is False:
        raise Unauthenticated("Act-On's signature does not hold.")
    meaning, now = webhooks.meaning_of(payload), timezone.now()
    of_webhooks = instance.vendor_type == "webhooks"
    with transaction.atomic():
        if of_webhooks and not InboundCall.objects.is_first(instance, hashlib.sha256(body).hexdigest(), now):
            return answer(TAKEN | {"repeated": True})
        if of_webhooks and meaning.is_polled and provisioning.poll_soon(instance, meaning.object_type, now):
            return answer(TAKEN | {"polled": meaning.object_type})
        return _store([instance.pk], payload, meaning)


def _store(instance_ids: list[int], payload: str, meaning: webhooks.Meaning) -> HttpResponse:
    ids = inbound.store(instance_ids, payload, meaning, timezone.now())
    return answer(TAKEN | {"events": [str(pk) for pk in ids]})


@operation("The address to enter in Act-On's webhook settings; it is a secret", answer=AddressAnswer, needs=Role.ADMIN)
def address(request: ApiRequest, instance_id: int | None = None) -> HttpResponse:
    instance = find(request, instance_id)
    shown = _address_of(instance)
    return answer(shown)


@operation("Make a new address for Act-On's webhooks; the old one ends", answer=AddressAnswer, needs=Role.ADMIN)
def renew(request: ApiRequest, instance_id: int | None = None) -> HttpResponse:
    instance = find(request, instance_id)
    instance.webhook_key = new_webhook_key()
    instance.save(update_fields=["webhook_key"])
    shown = _address_of(instance)
    return answer(shown)


def _address_of(instance: Instance) -> AddressAnswer:
    return {"url": webhook_address(instance), "verified": webhooks.is_verified(instance)}


def webhook_address(instance: Instance) -> str:
    """Where Act-On's webhooks of that instance are to be sent; whoever knows it can send some."""
    return f"{settings.PUBLIC_URL}/elements/api-v2/events/acton/{instance.pk}?key={instance.webhook_key}"


@operation("Send a test event to the callback, marked as one", answer=dict[str, str], refuses=(404, 409))
def send_test(request: ApiRequest, instance_id: int | None = None) -> HttpResponse:
    try:
        event_id = inbound.store_test(find(request, instance_id), timezone.now())
    except inbound.TestRefused as error:
        raise ApiError(409, str(error)) from None
    return answer({"eventId": str(event_id)})
