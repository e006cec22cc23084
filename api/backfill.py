"""Backfill and preview (CONTRACT §9)."""

from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from api.acton import ask
from api.answers import PollQueuedAnswer
from api.authorization import ApiRequest
from api.endpoint import ApiError, answer
from api.instances import find
from api.operations import operation
from api.paging import Moment
from polling import configuration, preview, provisioning
from polling.provisioning import PollRefused


class BackfillBody(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    resource: str = Field(min_length=1, max_length=200)
    begin: Moment = Field(alias="from")
    dry_run: bool = Field(False, alias="dryRun")
    redeliver: bool = False
    list_id: str = Field("", alias="list", max_length=100, description="only this list; default: every one")


class PreviewBody(BaseModel):
    """One resource's entry of a poller configuration, or the object of them."""

    model_config = ConfigDict(extra="allow")


class PreviewAnswer(TypedDict):
    resource: str
    objectId: str | None
    eventType: str | None
    createdDate: str | None
    updatedDate: str | None
    reason: str | None


@operation(
    "Read everything since a moment; the position does not move",
    body=BackfillBody,
    answer=PollQueuedAnswer,
    refuses=(404, 409),
)
def backfill(request: ApiRequest, body: BackfillBody, instance_id: int | None = None) -> HttpResponse:
    """Run by the worker as a poll; a dry run's count is its `eventsCreated` and `repeated` in `/polls`."""
    instance = find(request, instance_id)
    poller = instance.pollers.select_related("instance__connection").filter(resource=body.resource).first()
    if poller is None:
        raise ApiError(404, f"resource: the instance does not poll {body.resource!r}.")
    begin_ms = max(0, int(body.begin.timestamp() * 1000))
    try:
        poll = provisioning.backfill(
            poller, begin_ms, dry_run=body.dry_run, redeliver=body.redeliver, list_id=body.list_id
        )
    except PollRefused as error:
        raise ApiError(409, str(error)) from None
    chosen = [name for name, wanted in (("dry run", body.dry_run), ("redeliver", body.redeliver)) if wanted]
    request.audit_target = ", ".join([f"{request.path} {poller.resource}", *chosen])
    shown: PollQueuedAnswer = {"pollId": poll.pk, "resource": poller.resource, "status": poll.status}
    return answer(shown)


@operation(
    "What a poll with this configuration would find now", body=PreviewBody, answer=list[PreviewAnswer], asks_acton=True
)
def show(request: ApiRequest, body: PreviewBody, instance_id: int | None = None) -> HttpResponse:
    instance = find(request, instance_id)
    raw: dict[str, Any] = body.model_dump()
    entries = {"contacts": raw} if "url" in raw else configuration.parse(raw)
    found: list[preview.Found] = []
    for resource, entry in entries.items():
        parsed = configuration.load(entry, configuration.KEY, resource)
        found += preview.preview(instance, resource, parsed, lambda call: ask(instance, call), timezone.now())
    shown: list[PreviewAnswer] = [
        {
            "resource": each.resource,
            "objectId": each.object_id,
            "eventType": each.event_type,
            "createdDate": each.created,
            "updatedDate": each.updated,
            "reason": each.reason,
        }
        for each in found[: preview.MOST_RECORDS]
    ]
    return answer(shown)
