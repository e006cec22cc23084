"""The hub's resources, `/hubs/{anything}/...` and `/...` (CONTRACT §7)."""

import functools
from collections.abc import Callable
from typing import Any

from django.core import signing
from django.http import HttpResponse
from pydantic import Field

from api.acton import ask, instance_of
from api.authorization import ApiRequest
from api.endpoint import ApiError, answer, json_body
from api.operations import JSON, Operation, Paging, operation
from api.uploads import MULTIPART, form_of, parts_of
from elements.acton import client, resources
from elements.acton.resources import MOST_A_PAGE, Access, Record
from elements.acton.sources import COLLECTIONS, Collection, Source, records_of, source
from instances.models import Instance

MOST_PAGES = 10  # of Act-On's, for one answer of ours; then the caller goes on with the token


class RecordsQuery(Paging):
    where: str = Field("", max_length=8000, description="CEQL: field op 'value', joined by AND and OR")
    fields: str = Field("", max_length=4000, description="which fields, separated by commas")


def _shown(instance: Instance, value: Any) -> Any:
    """Without nulls, unless the instance wants them (`filter.response.nulls`)."""
    if str(instance.option("filter.response.nulls", True)).lower() == "false":
        return value
    if isinstance(value, dict):
        return {key: _shown(instance, inner) for key, inner in value.items() if inner is not None}
    return [_shown(instance, inner) for inner in value] if isinstance(value, list) else value


def _answer(instance: Instance, body: Any, headers: dict[str, str] | None = None) -> HttpResponse:
    return answer(_shown(instance, body), headers)


def listing(collection: Collection) -> Operation:
    """Reading a collection: by `where` and `fields`, page by page."""

    @operation(f"List {collection.path}", query=RecordsQuery, answer=list[dict[str, Any]], asks_acton=True)
    def read(request: ApiRequest, query: RecordsQuery, hub: str = "", **ids: str) -> HttpResponse:
        instance = instance_of(request)
        named = {_name(name): value for name, value in ids.items()}
        _path(collection.act_on, named)
        try:
            wanted = source(collection, named, query.where, query.fields)
        except ValueError as error:
            raise ApiError(400, f"where: {error}") from None
        found, following, total = _read(instance, wanted, query, f"hub {instance.pk} {ids} {query.where}")
        headers = {"Elements-Returned-Count": str(len(found))}
        if total is not None:
            headers["Elements-Total-Count"] = str(total)
        if following:
            headers["Elements-Next-Page-Token"] = following
        return _answer(instance, [wanted.shown(record) for record in found], headers)

    return read


def _name(captured: str) -> str:
    return "listId" if captured == "list_id" else captured


def _read(instance: Instance, wanted: Source, query: RecordsQuery, what: str) -> tuple[list[Record], str, int | None]:
    """Records, the token of the next page, and how many there are where Act-On alone filters.

    Act-On's pages are read until there are enough records that the hub's filter lets pass, but at most ten of them.
    """
    salt = f"{wanted.collection.path} {what}"
    offset, skip = _place(query, salt, wanted)
    found: list[Record] = []
    for _ in range(MOST_PAGES):
        count = MOST_A_PAGE if wanted.rest is not None else min(query.page_size - len(found), MOST_A_PAGE)
        page = ask(instance, functools.partial(wanted.read, offset=offset, count=count))
        for record in page.records:
            offset += 1
            if not wanted.matches(record):
                continue
            if skip:
                skip -= 1
                continue
            found.append(record)
            if len(found) == query.page_size:
                break
        total = None if wanted.rest is not None else page.total
        if offset >= page.total or not page.records:
            return found, "", total
        if len(found) == query.page_size:
            break
    return found, signing.dumps([offset, skip], salt=salt), total


def _place(query: RecordsQuery, salt: str, wanted: Source) -> tuple[int, int]:
    """Where to begin at Act-On, and how many that pass the hub's filter to leave out first."""
    if query.next_page:
        try:
            offset, skip = signing.loads(query.next_page, salt=salt)
        except signing.BadSignature:
            raise ApiError(400, "nextPage: is not a token of this query.") from None
        return int(offset), int(skip)
    before = (query.page - 1) * query.page_size
    return (0, before) if wanted.rest is not None else (before, 0)


def _path(template: str, ids: dict[str, str]) -> str:
    """Raises ApiError (404) for an id that cannot be one."""
    try:
        return resources.path_of(template, ids)
    except ValueError as error:
        raise ApiError(404, str(error)) from None


def _call(
    request: ApiRequest, method: str, path: str, *, params: dict[str, str] | None = None, **body: Any
) -> tuple[Instance, Any]:
    """One call of Act-On on behalf of the request's instance."""
    instance = instance_of(request)

    def call(access: Access) -> Any:
        return resources.send(access, method, path, params or {}, **body).body

    return instance, ask(instance, call)


def reading(summary: str, act_on: str, shape: Callable[[Any], Any] = lambda body: body) -> Operation:
    """Reading one thing: Act-On's own answer, put into `shape`."""

    @operation(summary, answer=dict[str, Any], asks_acton=True)
    def read(request: ApiRequest, hub: str = "", **ids: str) -> HttpResponse:
        instance, body = _call(request, "GET", _path(act_on, ids))
        return _answer(instance, shape(body))

    return read


def first(body: Any) -> Record:
    found = records_of(body)
    return found[0] if found else {}


def changing(summary: str, method: str, act_on: str, *, with_ids: tuple[str, ...] = ()) -> Operation:
    """A change with a JSON body, that Act-On gets as it came; `with_ids` go from the path into it."""

    @operation(summary, answer=dict[str, Any], asks_acton=True, refuses=(413, 415))
    def change(request: ApiRequest, hub: str = "", **ids: str) -> HttpResponse:
        instance_of(request)
        body = json_body(request)
        if body is not None and not isinstance(body, dict):
            raise ApiError(400, "The body must be a JSON object.")
        values = (body or {}) | {name: ids[name] for name in with_ids}
        instance, told = _call(request, method, _path(act_on, ids), json_body=values or None)
        return _answer(instance, told if isinstance(told, dict) else {"result": told})

    return change


def uploading(summary: str, method: str, act_on: str, part: str) -> Operation:
    """A change by a form: the part `part` holds JSON, `file` a CSV, which is passed on as it comes in."""

    @operation(summary, answer=dict[str, Any], asks_acton=True, accepts=(MULTIPART, JSON))
    def upload(request: ApiRequest, hub: str = "", **ids: str) -> HttpResponse:
        instance_of(request)
        values, uploaded = parts_of(request, part)
        if not values and uploaded is None:
            raise ApiError(400, f"{part}: is required.")
        instance = instance_of(request)
        path = _path(act_on, ids)

        def call(access: Access) -> client.Answer:
            if uploaded is not None:
                uploaded.seek(0)  # a token that was refused sends it once more
            return resources.send(access, method, path, {}, upload=form_of(values, uploaded))

        told = ask(instance, call).body
        return _answer(instance, told if isinstance(told, dict) else {"result": told})

    return upload


def _metadata(body: Any) -> Any:
    """A list without its contacts."""
    return {key: value for key, value in body.items() if key != "data"} | {"id": body.get("listId")}


@operation("One list: its headers and how many contacts it has", answer=dict[str, Any], asks_acton=True)
def read_list(request: ApiRequest, list_id: str, hub: str = "") -> HttpResponse:
    path = _path("/api/1/list/{list_id}", {"list_id": list_id})
    instance, body = _call(request, "GET", path, params={"count": "1", "offset": "0"})
    return _answer(instance, _metadata(body))


@operation("One contact of a list", answer=dict[str, Any], asks_acton=True)
def read_contact(request: ApiRequest, list_id: str, record_id: str, hub: str = "") -> HttpResponse:
    """Act-On answers with cells alone: the list's headers come from the list."""
    path = _path("/api/1/list/{list_id}", {"list_id": list_id})
    instance, listed = _call(request, "GET", path, params={"count": "1", "offset": "0"})
    headers = listed.get("headers") if isinstance(listed, dict) else None
    _, cells = _call(request, "GET", _path(f"{path}/record/{{record_id}}", {"record_id": record_id}))
    if not isinstance(headers, list) or not isinstance(cells, list):
        raise ApiError(502, "Act-On's answer is not a contact.")
    return _answer(instance, resources.contact(headers[: len(cells)], cells[: len(headers)]))


@operation(
    "Add contacts to a list: an object, or an array of them",
    answer=list[dict[str, Any]],
    asks_acton=True,
    refuses=(413, 415),
)
def add_contacts(request: ApiRequest, list_id: str, hub: str = "") -> HttpResponse:
    instance_of(request)
    body = json_body(request)
    contacts = body if isinstance(body, list) else [body]
    if not contacts or not all(isinstance(contact, dict) and contact for contact in contacts):
        raise ApiError(400, "The body must be a contact, or an array of contacts.")
    path = f"{_path('/api/1/list/{list_id}', {'list_id': list_id})}/record"
    made = []
    for contact in contacts:
        instance, told = _call(request, "POST", path, json_body=contact)
        made.append(contact | (told if isinstance(told, dict) else {}))
    return _answer(instance, made)


@operation("The names of the resources; answers for a disabled instance, too", answer=list[str])
def objects(request: ApiRequest, hub: str = "") -> HttpResponse:
    instance = instance_of(request, even_disabled=True)
    return _answer(instance, resources.NAMES)


@operation("Prove that the instance's token works", answer=dict[str, Any], asks_acton=True)
def ping(request: ApiRequest, hub: str = "") -> HttpResponse:
    params = {"listingtype": "contact_list", "count": "1", "offset": "0"}
    instance, _ = _call(request, "GET", "/api/1/list", params=params)
    return _answer(instance, {"endpoint": "acton", "message": "Act-On accepts the token."})


def opting(into: bool) -> Operation:
    word = "in" if into else "out"

    @operation(f"Opt an address {word} of a subscription type", answer=dict[str, Any], asks_acton=True)
    def opt(request: ApiRequest, name: str, email: str, hub: str = "") -> HttpResponse:
        body = {"category": name, "email": email}
        instance, told = _call(request, "PUT", f"/api/1/subscription/opt{word}", json_body=body)
        return _answer(instance, told if isinstance(told, dict) else {"result": told})

    return opt


BY_PATH = {collection.path: listing(collection) for collection in COLLECTIONS}
