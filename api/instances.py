"""`/instances` (CONTRACT §3, §9)."""

from django.http import HttpResponse
from pydantic import Field

from accounts.models import Role, User
from api.answers import InstanceAnswer, PollAnswer, PollQueuedAnswer
from api.authorization import ApiRequest
from api.bodies import InstanceBody, InstanceChange, ProviderData
from api.endpoint import ApiError, answer
from api.operations import Paging, Query, operation
from api.paging import newest_first
from elements import catalogue
from events.notification_body import iso, iso_ms
from instances.actions import set_enabled
from instances.configuration import MASK, masked
from instances.models import Instance
from polling import provisioning
from polling.models import Poll
from polling.provisioning import Grant, PollRefused


class InstancesQuery(Paging):
    tags: list[str] = Field([], description="only instances that have all of these tags")


class ResourceQuery(Query):
    resource: str = Field("", description="only this resource")


class PollsQuery(Paging, ResourceQuery):
    pass


def as_json(instance: Instance, caller: User) -> InstanceAnswer:
    """The instance object: the answer of POST, GET, PUT and PATCH. Its token is a secret, which administrators see.

    Beyond the platform: `state`, one word for how it is, and Act-On's words where it needs authentication.
    """
    user = instance.user
    shown: InstanceAnswer = {
        "id": instance.pk,
        "name": instance.name,
        "createdDate": iso(instance.created_at),
        "token": instance.token if caller.may(Role.ADMIN) else MASK,
        "element": catalogue.summary(),
        "elementId": catalogue.ELEMENT_ID,
        "tags": instance.tags,
        "provisionInteractions": [],
        "valid": not instance.connection.needs_authentication,
        "disabled": instance.disabled,
        "maxCacheSize": 0,
        "cacheTimeToLive": 0,
        "configuration": masked(instance),
        "eventsEnabled": instance.events_enabled,
        "traceLoggingEnabled": False,
        "cachingEnabled": False,
        "externalAuthentication": "none",
        "user": {
            "id": user.pk,
            "emailAddress": user.email,
            "firstName": user.first_name,
            "lastName": user.last_name,
        },
        "state": instance.state,
    }
    if instance.connection.needs_authentication:
        shown["problem"] = instance.connection.problem
    return shown


def find(request: ApiRequest, instance_id: int | None) -> Instance:
    """The instance of the path, or of the Element token where the path names none. Raises ApiError (404)."""
    if instance_id is None:
        if request.instance is None:
            raise ApiError(400, "Which instance? Send its id in the path, or its Element token.")
        return request.instance
    found = (
        Instance.objects.filter(organization=request.organization, pk=instance_id)
        .select_related("connection", "user", "organization")
        .first()
    )
    if found is None:
        raise ApiError(404, f"There is no instance {instance_id}.")
    return found


def find_id(request: ApiRequest, instance_id: int | None) -> int:
    """The id of what `find` finds, where nothing else is wanted. Raises ApiError (404)."""
    if instance_id is None:
        return find(request, None).pk
    if not Instance.objects.filter(organization=request.organization, pk=instance_id).exists():
        raise ApiError(404, f"There is no instance {instance_id}.")
    return instance_id


@operation("Create an instance", body=InstanceBody, answer=InstanceAnswer, asks_acton=True)
def create(request: ApiRequest, body: InstanceBody, element: str | None = None) -> HttpResponse:
    if element not in (None, catalogue.KEY, str(catalogue.ELEMENT_ID)):
        raise ApiError(404, f"There is no element {element!r}.")
    if element is None and (body.element is None or not body.element.is_known()):
        raise ApiError(400, f"element.key: must be {catalogue.KEY!r}.")
    if body.name is None:
        raise ApiError(400, "name: is required.")
    instance = provisioning.create(
        request.caller,
        name=body.name,
        tags=body.tags if body.tags is not None else [body.name],
        raw=body.configuration,
        grant=_grant(body),
    )
    request.audit_target = f"{request.path}/{instance.pk}"
    return answer(as_json(instance, request.caller))


def _grant(body: InstanceChange) -> Grant:
    code = (body.provider_data or ProviderData(code="")).code.strip()
    return Grant(code=code, external=not code and body.external_authentication == "initial")


@operation(
    "The organization's instances, newest first; by Element token, that one",
    query=InstancesQuery,
    answer=list[InstanceAnswer] | InstanceAnswer,
)
def read_all(request: ApiRequest, query: InstancesQuery) -> HttpResponse:
    if request.instance is not None:
        return answer(as_json(request.instance, request.caller))
    rows = Instance.objects.filter(organization=request.organization).select_related("connection", "user")
    if wanted := set(query.tags):
        fitting = [pk for pk, tags in rows.values_list("pk", "tags") if wanted <= set(tags)]
        rows = rows.filter(pk__in=fitting)
    return newest_first(request, rows, query, lambda row: as_json(row, request.caller))


@operation("One instance", answer=InstanceAnswer)
def read(request: ApiRequest, instance_id: int | None = None) -> HttpResponse:
    return answer(as_json(find(request, instance_id), request.caller))


@operation("Delete an instance", answer=dict[str, str])
def delete(request: ApiRequest, instance_id: int | None = None) -> HttpResponse:
    provisioning.delete(find(request, instance_id))
    return answer({})


@operation(
    "Change an instance: what is sent is merged into its configuration",
    body=InstanceChange,
    body_required=False,
    answer=InstanceAnswer,
    asks_acton=True,
)
def patch(request: ApiRequest, body: InstanceChange, instance_id: int | None = None) -> HttpResponse:
    return _change(request, body, instance_id, merge=True)


@operation(
    "Change an instance: what is sent replaces its configuration",
    body=InstanceChange,
    body_required=False,
    answer=InstanceAnswer,
    asks_acton=True,
)
def put(request: ApiRequest, body: InstanceChange, instance_id: int | None = None) -> HttpResponse:
    return _change(request, body, instance_id, merge=False)


def _change(request: ApiRequest, body: InstanceChange, instance_id: int | None, *, merge: bool) -> HttpResponse:
    instance = find(request, instance_id)
    provisioning.update(
        instance, name=body.name, tags=body.tags, raw=body.configuration, merge=merge, grant=_grant(body)
    )
    return answer(as_json(find(request, instance.pk), request.caller))


@operation("Enable an instance", answer=InstanceAnswer)
def enable(request: ApiRequest, instance_id: int | None = None) -> HttpResponse:
    return _switch(request, instance_id, enabled=True)


@operation("Disable an instance: it is not polled", answer=InstanceAnswer)
def disable(request: ApiRequest, instance_id: int | None = None) -> HttpResponse:
    return _switch(request, instance_id, enabled=False)


def _switch(request: ApiRequest, instance_id: int | None, *, enabled: bool) -> HttpResponse:
    instance = find(request, instance_id)
    set_enabled(instance, enabled)
    return answer(as_json(instance, request.caller))


@operation("Poll now", query=ResourceQuery, answer=list[PollQueuedAnswer], refuses=(404, 409))
def poll(request: ApiRequest, query: ResourceQuery, instance_id: int | None = None) -> HttpResponse:
    """Poll now: every resource, or the one that `resource` names; 409 with the reason where none can be."""
    instance = find(request, instance_id)
    resource = query.resource
    pollers = instance.pollers.select_related("instance__connection").order_by("resource")
    if resource:
        pollers = pollers.filter(resource=resource)
    if not pollers:
        raise ApiError(404, f"resource: the instance does not poll {resource!r}." if resource else "It polls nothing.")
    queued = []
    refusal: PollRefused | None = None
    for poller in pollers:
        try:
            queued.append(provisioning.poll_now(poller))
        except PollRefused as error:
            refusal = error
    if refusal is not None and not queued:
        raise ApiError(409, str(refusal))
    shown: list[PollQueuedAnswer] = [
        {"pollId": row.pk, "resource": row.poller.resource, "status": row.status} for row in queued
    ]
    return answer(shown)


@operation("The polls of an instance, newest first", query=PollsQuery, answer=list[PollAnswer])
def polls(request: ApiRequest, query: PollsQuery, instance_id: int | None = None) -> HttpResponse:
    instance = find(request, instance_id)
    rows = Poll.objects.filter(poller__instance=instance).select_related("poller")
    if query.resource:
        rows = rows.filter(poller__resource=query.resource)
    return newest_first(request, rows, query, poll_as_json)


def poll_as_json(poll: Poll) -> PollAnswer:
    return {
        "id": poll.pk,
        "resource": poll.poller.resource,
        "trigger": poll.trigger,
        "status": poll.status,
        "startedAt": iso(poll.started_at) if poll.started_at else None,
        "finishedAt": iso(poll.finished_at) if poll.finished_at else None,
        "from": iso_ms(poll.from_ms) if poll.from_ms is not None else None,
        "to": iso_ms(poll.to_ms) if poll.to_ms is not None else None,
        "requests": poll.requests,
        "recordsRead": poll.records_read,
        "eventsCreated": poll.events_created,
        "recordsSkipped": poll.records_skipped,
        "repeated": poll.repeated,
        "error": poll.error or None,
    }
