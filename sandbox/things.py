"""Act-On's further resources, simply: messages, pages, forms, programs, subscription categories, senders, opt-outs."""

import csv
import io
import json
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.http.multipartparser import MultiPartParser
from django.utils.datastructures import MultiValueDict

from sandbox import contacts, downloads, rows
from sandbox.calls import BadCall
from sandbox.models import DATABASE, Account, ContactList, Thing

MESSAGE, PAGE, FORM, PROGRAM, CATEGORY, SENDER = "message", "page", "form", "program", "category", "sender"
OPT_OUT, HARD_BOUNCE, COMPLAINT = "optout", "hardbounce", "spamcomplaint"
# What an account has from the beginning.
SEEDS: dict[str, list[dict[str, Any]]] = {
    MESSAGE: [{"title": "Welcome", "subject": "Welcome!", "status": "SENT"}, {"title": "News", "status": "DRAFT"}],
    PAGE: [{"title": "Sign up", "url": "https://pages.example/signup"}, {"title": "Thank you"}],
    FORM: [{"title": "Contact us", "submissions": 3}],
    PROGRAM: [{"name": "Nurture", "state": "RUNNING"}],
    CATEGORY: [{"name": "Newsletter", "description": "Once a month"}, {"name": "Offers"}],
    SENDER: [{"name": "Sales", "email": "sales@example.com"}],
    OPT_OUT: [{"Email": "gone@example.com"}],
    HARD_BOUNCE: [{"Email": "bounced@example.com"}],
    COMPLAINT: [{"Email": "angry@example.com"}],
}
ID_NAMES = {MESSAGE: "msg_id"}


def of(account: Account, kind: str) -> list[Thing]:
    """The account's things of that kind, by their order; the first look makes what it has from the beginning."""
    found = list(Thing.objects.filter(account=account, kind=kind).order_by("pk"))
    if found or Thing.objects.filter(account=account, kind="seeded", thing_id=kind).exists():
        return found
    with transaction.atomic(using=DATABASE):
        Thing.objects.create(account=account, kind="seeded", thing_id=kind, values={}, modified_ms=account.now_ms())
        for seed in SEEDS.get(kind, []):
            add(account, kind, seed)
    return list(Thing.objects.filter(account=account, kind=kind).order_by("pk"))


def add(account: Account, kind: str, values: dict[str, Any]) -> Thing:
    number = Thing.objects.filter(account=account, kind=kind).count() + 1
    thing_id = f"{kind[0]}-{number:04d}"
    while Thing.objects.filter(account=account, kind=kind, thing_id=thing_id).exists():
        number += 1
        thing_id = f"{kind[0]}-{number:04d}"
    return Thing.objects.create(
        account=account, kind=kind, thing_id=thing_id, values=values, modified_ms=account.now_ms()
    )


def row(thing: Thing) -> dict[str, Any]:
    name = ID_NAMES.get(thing.kind, "id")
    return {name: thing.thing_id, **thing.values, "timestamp": thing.modified_ms}


def find(account: Account, kind: str, thing_id: str) -> Thing:
    for thing in of(account, kind):
        if thing.thing_id == thing_id:
            return thing
    raise contacts.Missing(f"There is no {kind} {thing_id}")


def listing(kind: str) -> Any:
    """The view of all things of a kind, in pages."""

    def view(request: HttpRequest, account: Account) -> HttpResponse:
        query = request.GET.dict()
        offset = downloads.read_number(query, "offset", 0)
        count = min(downloads.read_number(query, "count", downloads.MOST_ROWS), downloads.MOST_ROWS)
        found = of(account, kind)
        page = [row(thing) for thing in found[offset : offset + count]]
        return JsonResponse({"offset": offset, "count": len(page), "totalCount": len(found), "result": page})

    return view


def table(kind: str) -> Any:
    """The view of a kind that Act-On gives out as it does a list."""

    def view(request: HttpRequest, account: Account) -> HttpResponse:
        query = request.GET.dict()
        offset = downloads.read_number(query, "offset", 0)
        found = of(account, kind)
        page = found[offset : offset + min(downloads.read_number(query, "count", 100), downloads.MOST_ROWS)]
        data = [[str(thing.values.get("Email", "")), str(thing.modified_ms)] for thing in page]
        headers = ["Email", "date"]
        told = {"offset": offset, "count": len(data), "totalCount": len(found)}
        return JsonResponse(told | {"headers": headers, "data": data})

    return view


def one(kind: str) -> Any:
    def view(request: HttpRequest, account: Account, thing_id: str) -> HttpResponse:
        return JsonResponse(row(find(account, kind, thing_id)))

    return view


def report(kind: str) -> Any:
    def view(request: HttpRequest, account: Account, thing_id: str, drilldown: str = "") -> HttpResponse:
        find(account, kind, thing_id)
        if drilldown:
            people = [{"email": "ada@example.com", "action": drilldown.upper()}]
            return JsonResponse({"offset": 0, "count": 1, "totalCount": 1, "result": people})
        return JsonResponse([{"id": thing_id, "SENT": 10, "OPENED": 5, "CLICKED": 2}], safe=False)

    return view


def add_one(kind: str) -> Any:
    def view(request: HttpRequest, account: Account) -> HttpResponse:
        of(account, kind)
        thing = add(account, kind, values_of(request))
        return JsonResponse({"status": "success", "message": f"{kind} created", "id": thing.thing_id})

    return view


def change_one(kind: str) -> Any:
    def view(request: HttpRequest, account: Account, thing_id: str) -> HttpResponse:
        thing = find(account, kind, thing_id)
        thing.values |= values_of(request)
        thing.modified_ms = account.now_ms()
        thing.save()
        return JsonResponse({"status": "success", "message": f"{kind} updated", "id": thing.thing_id})

    return view


def delete_one(kind: str) -> Any:
    def view(request: HttpRequest, account: Account, thing_id: str) -> HttpResponse:
        find(account, kind, thing_id).delete()
        return JsonResponse({"status": "success", "message": f"{kind} deleted", "id": thing_id})

    return view


def send(request: HttpRequest, account: Account, thing_id: str) -> HttpResponse:
    thing = find(account, MESSAGE, thing_id)
    thing.values |= {"status": "SENT"}
    thing.save()
    return JsonResponse({"status": "success", "message": "message sent", "id": thing_id})


def values_of(request: HttpRequest) -> dict[str, Any]:
    """The fields that were sent, as JSON or as a form. Raises BadCall."""
    if (request.content_type or "").startswith(("multipart/", "application/x-www-form-urlencoded")):
        fields, _files = parts_of(request)
        return {name: fields.get(name) for name in fields}
    try:
        values = json.loads(request.body or b"{}")
    except ValueError:
        raise BadCall("The body is not valid JSON") from None
    if not isinstance(values, dict):
        raise BadCall("The body must be an object")
    return values


def parts_of(request: HttpRequest) -> "tuple[QueryDict, MultiValueDict[str, UploadedFile[Any]]]":
    """Fields and files of a form, whatever the method; Django reads only those of POST itself."""
    if request.method == "POST":
        return request.POST, request.FILES
    if (request.content_type or "").startswith("multipart/"):
        return MultiPartParser(request.META, request, request.upload_handlers).parse()
    return QueryDict(request.body), MultiValueDict()


def opt_out(request: HttpRequest, account: Account) -> HttpResponse:
    """A CSV of addresses that are to be left alone."""
    _fields, files = parts_of(request)
    uploaded = files.get("file")
    if uploaded is None:
        raise BadCall("The part file is missing")
    of(account, OPT_OUT)
    reader = csv.DictReader(io.StringIO(uploaded.read().decode("utf-8-sig")))
    count = 0
    for line in reader:
        address = next(iter(line.values()), "")
        count += 1
        add(account, OPT_OUT, {"Email": address or ""})
    return JsonResponse({"status": "success", "message": f"{count} addresses opted out"})


def opt(opted_in: bool) -> Any:
    def view(request: HttpRequest, account: Account) -> HttpResponse:
        values = values_of(request)
        names = [thing.values["name"] for thing in of(account, CATEGORY)]
        if values.get("category") not in names:
            raise BadCall(f"There is no category {values.get('category')}")
        done = "in" if opted_in else "out"
        return JsonResponse({"status": "success", "message": f"{values.get('email')} opted {done}"})

    return view


def upload_list(request: HttpRequest, account: Account) -> HttpResponse:
    """`POST /api/1/list`: a new list out of a CSV."""
    fields, files = parts_of(request)
    name = str(fields.get("listname") or "")
    if not name:
        raise BadCall("listname is missing")
    with transaction.atomic(using=DATABASE):
        headers, lines = _csv(fields, files)
        made = contacts.add_list(account, name, headers or rows.HEADERS)
        contacts.add(made, [rows.read_values(line, made.headers) for line in lines])
    return JsonResponse({"status": "success", "message": "List created", "id": made.list_id})


def merge_list(request: HttpRequest, account: Account, list_id: str) -> HttpResponse:
    """`PUT /api/1/list/{id}`: the rows of a CSV, added."""
    fields, files = parts_of(request)
    found = contacts.list_of(account, list_id)
    found.account = account
    _headers, lines = _csv(fields, files)
    with transaction.atomic(using=DATABASE):
        if fields.get("listname"):
            ContactList.objects.filter(pk=found.pk).update(name=str(fields["listname"]))
        contacts.add(found, [rows.read_values(line, found.headers) for line in lines])
    return JsonResponse({"status": "success", "message": f"{len(lines)} rows merged", "id": list_id})


def _csv(fields: QueryDict, files: "MultiValueDict[str, UploadedFile[Any]]") -> tuple[list[str], list[dict[str, str]]]:
    uploaded = files.get("file")
    if uploaded is None:
        return [], []
    separator = {"COMMA": ",", "SEMICOLON": ";", "TAB": "\t"}.get(str(fields.get("fieldseparator", "")).upper(), ",")
    reader = csv.DictReader(io.StringIO(uploaded.read().decode("utf-8-sig")), delimiter=separator)
    lines = [{name: value or "" for name, value in line.items() if name} for line in reader]
    return list(reader.fieldnames or []), lines
