"""Act-On's `/api/1`: lists, list downloads and records (CONTRACT §8)."""

import json
from typing import Any

from django.db import transaction
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from sandbox import contacts, downloads, rows, things
from sandbox.calls import BadCall, api_call
from sandbox.downloads import BadParameter
from sandbox.models import DATABASE, Account, Contact, ContactList


def lists(request: HttpRequest, account: Account) -> HttpResponse:
    """The list of lists, each with the moment of its last change."""
    query = request.GET.dict()
    try:
        offset = downloads.read_number(query, "offset", 0)
        count = min(downloads.read_number(query, "count", downloads.MOST_ROWS), downloads.MOST_ROWS)
    except BadParameter as bad:
        raise BadCall(str(bad)) from None
    listing = query.get("listingtype") or "contact_list"
    found = ContactList.objects.filter(account=account) if listing == "contact_list" else ContactList.objects.none()
    page = found.annotate(size=Count("contacts")).order_by("list_id")[offset : offset + count]
    result = [downloads.list_row(contact_list, contact_list.size) for contact_list in page]
    return JsonResponse({"offset": offset, "count": len(result), "totalCount": found.count(), "result": result})


def download(request: HttpRequest, account: Account, list_id: str) -> HttpResponse:
    """One page of a list's contacts."""
    try:
        wanted = downloads.read_download(
            request.GET.dict(), dates_in_seconds=account.date_unit == Account.DateUnit.SECONDS
        )
        body = downloads.download(_list(account, list_id), wanted)
    except BadParameter as bad:
        raise BadCall(str(bad)) from None
    if wanted.as_csv:
        return HttpResponse(downloads.as_csv(body), content_type="text/csv; charset=utf-8")
    return JsonResponse(body)


def _list(account: Account, list_id: str) -> ContactList:
    contact_list = contacts.list_of(account, list_id)
    contact_list.account = account
    return contact_list


def delete_list(request: HttpRequest, account: Account, list_id: str) -> HttpResponse:
    with transaction.atomic(using=DATABASE):
        _list(account, list_id).delete()
    return JsonResponse({"status": "success", "message": "List deleted", "id": list_id})


def add_record(request: HttpRequest, account: Account, list_id: str) -> HttpResponse:
    contact_list = _list(account, list_id)
    [record] = contacts.add(contact_list, [_values(request, contact_list)])
    return _done("Record added", contact_list, record)


def record(request: HttpRequest, account: Account, list_id: str, record_id: str) -> HttpResponse:
    """One record: its cells, in the order of the list's headers."""
    contact_list = _list(account, list_id)
    number = contacts.record_number(record_id, list_id)
    found = Contact.objects.filter(contact_list=contact_list, record=number).first()
    if found is None:
        raise contacts.Missing(f"There is no contact {record_id} in list {list_id}")
    return JsonResponse([f"{list_id}:{number}", *found.cells], safe=False)


def change_record(request: HttpRequest, account: Account, list_id: str, record_id: str) -> HttpResponse:
    contact_list = _list(account, list_id)
    number = contacts.record_number(record_id, list_id)
    contacts.change(contact_list, {number: _values(request, contact_list)})
    return _done("Record updated", contact_list, number)


def delete_record(request: HttpRequest, account: Account, list_id: str, record_id: str) -> HttpResponse:
    contact_list = _list(account, list_id)
    number = contacts.record_number(record_id, list_id)
    if not contacts.remove(contact_list, [number]):
        raise contacts.Missing(f"There is no contact {record_id} in list {list_id}")
    return _done("Record deleted", contact_list, number)


def _values(request: HttpRequest, contact_list: ContactList) -> rows.Values:
    try:
        values = json.loads(request.body)
    except ValueError:
        raise BadCall("The body is not valid JSON") from None
    if not isinstance(values, dict):
        raise BadCall("The body must be an object of column names and values")
    return rows.read_values({name: values[name] for name in values if name != rows.ID_HEADER}, contact_list.headers)


def _done(message: str, contact_list: ContactList, record: int) -> HttpResponse:
    identifier = f"{contact_list.list_id}:{record}"
    return JsonResponse({"status": "success", "message": message, "id": identifier, "contact_id": identifier})


@csrf_exempt
def nothing(request: HttpRequest, **captured: Any) -> HttpResponse:
    """The gateway's answer to a path that it does not know."""
    return JsonResponse({"httpCode": "404", "httpMessage": "Not Found", "moreInformation": ""}, status=404)


lists_endpoint = api_call(GET=lists, POST=things.upload_list)
list_endpoint = api_call(GET=download, PUT=things.merge_list, DELETE=delete_list)
records_endpoint = api_call(POST=add_record)
record_endpoint = api_call(GET=record, PUT=change_record, DELETE=delete_record)
