"""The control API under `/sandbox/control`, for tests and scripts. README.md describes each call."""

from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse

from sandbox import bodies, contacts, limits, oauth, rows, tokens
from sandbox.bodies import BadBody, control, query_number, read_body, read_json, refusal
from sandbox.clock import now_ms
from sandbox.models import DATABASE, Account, Call, ContactList, Fault


def account_json(account: Account) -> dict[str, Any]:
    return {
        "name": account.name,
        **{name: getattr(account, name) for name in bodies.SettingsBody.model_fields},
        "now_ms": account.now_ms(),
        "counters": limits.counters(account),
        "lists": [list_json(each) for each in account.lists.order_by("list_id")],
        "faults": [fault_json(each) for each in account.faults.order_by("pk")],
    }


def list_json(contact_list: ContactList) -> dict[str, Any]:
    return {
        "id": contact_list.list_id,
        "name": contact_list.name,
        "headers": contact_list.headers,
        "contacts": contact_list.contacts.count(),
        "modified_ms": contact_list.modified_ms,
    }


def fault_json(fault: Fault) -> dict[str, Any]:
    return {
        "id": fault.pk,
        "kind": fault.kind,
        "path": fault.path,
        "at": fault.waits + 1,
        "times": fault.remaining,
        "status": fault.status,
        "delay_ms": fault.delay_ms,
        "retry_after_s": fault.retry_after_s,
        "operations": fault.operations,
    }


def call_json(call: Call) -> dict[str, Any]:
    return {
        "id": call.pk,
        "kind": call.kind,
        "method": call.method,
        "path": call.path,
        "at_ms": call.at_ms,
        "status": call.status,
        "refused_by": call.refused_by,
        "fault": call.fault,
    }


def read_accounts(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"accounts": [account_json(account) for account in Account.objects.order_by("name")]})


def make_account(request: HttpRequest) -> HttpResponse:
    body = read_body(request, bodies.AccountBody)
    if Account.objects.filter(name=body.name).exists():
        return refusal(409, f"There is an account {body.name} already", "name")
    return JsonResponse(account_json(_make(body.name, body)))


def replace_account(request: HttpRequest, name: str) -> HttpResponse:
    """Make the account, in place of one with the same name."""
    bodies.check_name(name)
    body = read_body(request, bodies.NewAccountBody)
    Account.objects.filter(name=name).delete()
    return JsonResponse(account_json(_make(name, body)))


def _make(name: str, body: bodies.NewAccountBody) -> Account:
    with transaction.atomic(using=DATABASE):
        account = Account.objects.create(name=name, **body.settings())
        made = [contacts.add_list(account, f"List {number + 1}") for number in range(body.lists)]
    for contact_list in made:
        contacts.generate(contact_list, body.contacts)
    return contacts.account_named(name)


def read_account(request: HttpRequest, name: str) -> HttpResponse:
    return JsonResponse(account_json(contacts.account_named(name)))


def change_account(request: HttpRequest, name: str) -> HttpResponse:
    account = contacts.account_named(name)
    changed = read_body(request, bodies.SettingsBody).settings()
    if changed:
        Account.objects.filter(pk=account.pk).update(**changed)
    return JsonResponse(account_json(contacts.account_named(name)))


def delete_account(request: HttpRequest, name: str) -> HttpResponse:
    contacts.account_named(name).delete()
    return JsonResponse({"deleted": name})


def read_counters(request: HttpRequest, name: str) -> HttpResponse:
    return JsonResponse(limits.counters(contacts.account_named(name)))


def reset(request: HttpRequest, name: str) -> HttpResponse:
    limits.reset(contacts.account_named(name), now_ms())
    return JsonResponse(limits.counters(contacts.account_named(name)))


def read_requests(request: HttpRequest, name: str) -> HttpResponse:
    """The call log, oldest first; `after` an id, `path` a part of the path."""
    calls = contacts.account_named(name).calls.filter(pk__gt=query_number(request, "after", 0))
    calls = calls.filter(path__contains=request.GET.get("path", ""))
    return JsonResponse({"requests": [call_json(call) for call in calls.order_by("pk")]})


def read_faults(request: HttpRequest, name: str) -> HttpResponse:
    account = contacts.account_named(name)
    return JsonResponse({"faults": [fault_json(fault) for fault in account.faults.order_by("pk")]})


def add_fault(request: HttpRequest, name: str) -> HttpResponse:
    account = contacts.account_named(name)
    body = read_body(request, bodies.FaultBody)
    if body.operations.list_id:
        contact_list = contacts.list_of(account, body.operations.list_id)
        for values in [*(body.operations.add or []), *(body.operations.change or {}).values()]:
            rows.read_values(values, contact_list.headers)
    return JsonResponse(fault_json(account.faults.create(**body.values())))


def end_faults(request: HttpRequest, name: str, fault_id: int | None = None) -> HttpResponse:
    ended = contacts.account_named(name).faults.all()
    if fault_id is not None:
        ended = ended.filter(pk=min(fault_id, 2**62))
    return JsonResponse({"ended": ended.delete()[0]})


def expire(request: HttpRequest, name: str) -> HttpResponse:
    body = read_body(request, bodies.ExpireBody)
    account = contacts.account_named(name)
    return JsonResponse({"expired": tokens.expire(account, access=body.access, refresh_too=body.refresh)})


def read_lists(request: HttpRequest, name: str) -> HttpResponse:
    account = contacts.account_named(name)
    return JsonResponse({"lists": [list_json(each) for each in account.lists.order_by("list_id")]})


def make_list(request: HttpRequest, name: str) -> HttpResponse:
    account = contacts.account_named(name)
    body = read_body(request, bodies.ListBody)
    contact_list = contacts.add_list(account, body.name, body.headers)
    contacts.generate(contact_list, body.contacts)
    contact_list.refresh_from_db()
    return JsonResponse(list_json(contact_list))


def delete_list(request: HttpRequest, name: str, list_id: str) -> HttpResponse:
    contacts.list_of(contacts.account_named(name), list_id).delete()
    return JsonResponse({"deleted": list_id})


def read_contacts(request: HttpRequest, name: str, list_id: str) -> HttpResponse:
    """Every contact as it is now, by record number, unless `count` and `offset` ask for a part."""
    contact_list = contacts.list_of(contacts.account_named(name), list_id)
    first, count = query_number(request, "offset", 0), query_number(request, "count", 2**31)
    found = contact_list.contacts.order_by("record").values_list("record", "cells", "created_ms", "modified_ms")
    return JsonResponse(
        {
            "contacts": [
                {
                    "id": f"{list_id}:{record}",
                    "created_ms": created_ms,
                    "modified_ms": modified_ms,
                    "values": dict(zip(contact_list.headers, cells, strict=True)),
                }
                for record, cells, created_ms, modified_ms in found[first : first + count].iterator(5_000)
            ]
        }
    )


def add_contacts(request: HttpRequest, name: str, list_id: str) -> HttpResponse:
    """Add the contact of the body, or each of an array, or `?count=n` invented ones."""
    contact_list = contacts.list_of(contacts.account_named(name), list_id)
    body = read_json(request)
    if body is None and "count" in request.GET:
        records = contacts.generate(contact_list, min(query_number(request, "count", 1), 1_000_000))
        return JsonResponse({"ids": [f"{list_id}:{record}" for record in records]})
    added = body if isinstance(body, list) else [body]
    if not all(isinstance(values, dict) for values in added):
        raise BadBody("body", "must be an object of column names and values, or an array of such objects")
    checked = [rows.read_values(values, contact_list.headers) for values in added]
    records = contacts.add(contact_list, checked, list_modified_ms=_list_modified(request, contact_list))
    ids = [f"{list_id}:{record}" for record in records]
    return JsonResponse({"ids": ids} | ({"id": ids[0]} if isinstance(body, dict) else {}))


def _list_modified(request: HttpRequest, contact_list: ContactList) -> int | None:
    """`?list_modified=keep` leaves the list's own date where it is, a number (ms) sets it."""
    if request.GET.get("list_modified") == "keep":
        return contact_list.modified_ms
    return query_number(request, "list_modified", 0) if request.GET.get("list_modified") else None


def change_contacts(request: HttpRequest, name: str, list_id: str) -> HttpResponse:
    contact_list = contacts.list_of(contacts.account_named(name), list_id)
    body = read_body(request, bodies.ChangeBody)
    if body.first is not None:
        return JsonResponse({"changed": contacts.change_first(contact_list, body.first)})
    if body.changes is None:
        raise BadBody("changes", "give changes or first")
    changes = {
        contacts.record_number(record, list_id): rows.read_values(values, contact_list.headers)
        for record, values in body.changes.items()
    }
    changed = contacts.change(contact_list, changes, list_modified_ms=_list_modified(request, contact_list))
    return JsonResponse({"changed": changed})


def delete_contacts(request: HttpRequest, name: str, list_id: str) -> HttpResponse:
    contact_list = contacts.list_of(contacts.account_named(name), list_id)
    body = read_body(request, bodies.DeleteBody)
    if body.first is not None:
        records = list(contact_list.contacts.order_by("record").values_list("record", flat=True)[: body.first])
    elif body.ids is not None:
        records = [contacts.record_number(str(record), list_id) for record in body.ids]
    else:
        raise BadBody("ids", "give ids or first")
    deleted = contacts.remove(contact_list, records, list_modified_ms=_list_modified(request, contact_list))
    return JsonResponse({"deleted": deleted})


def change_contact(request: HttpRequest, name: str, list_id: str, record_id: str) -> HttpResponse:
    contact_list = contacts.list_of(contacts.account_named(name), list_id)
    record = contacts.record_number(record_id, list_id)
    body = read_json(request)
    if not isinstance(body, dict):
        raise BadBody("body", "must be an object of column names and values")
    values = rows.read_values(body, contact_list.headers)
    contacts.change(contact_list, {record: values}, list_modified_ms=_list_modified(request, contact_list))
    return JsonResponse({"id": f"{list_id}:{record}", "changed": 1})


def delete_contact(request: HttpRequest, name: str, list_id: str, record_id: str) -> HttpResponse:
    contact_list = contacts.list_of(contacts.account_named(name), list_id)
    record = contacts.record_number(record_id, list_id)
    if not contacts.remove(contact_list, [record], list_modified_ms=_list_modified(request, contact_list)):
        raise contacts.Missing(f"There is no contact {record_id} in list {list_id}")
    return JsonResponse({"id": f"{list_id}:{record}", "deleted": 1})


def make_code(request: HttpRequest) -> HttpResponse:
    """A one-time code, without the page."""
    body = read_body(request, bodies.CodeBody)
    if problem := oauth.redirect_problem(body.redirect_uri):
        raise BadBody("redirect_uri", problem)
    account = contacts.account_for(body.user)
    return JsonResponse({"code": tokens.issue_code(account, body.client_id, body.redirect_uri)})


def nothing(request: HttpRequest, **captured: Any) -> HttpResponse:
    return refusal(404, f"There is nothing at {request.path}")


accounts_endpoint = control(GET=read_accounts, POST=make_account)
account_endpoint = control(GET=read_account, PUT=replace_account, PATCH=change_account, DELETE=delete_account)
counters_endpoint = control(GET=read_counters)
reset_endpoint = control(POST=reset)
requests_endpoint = control(GET=read_requests)
faults_endpoint = control(GET=read_faults, POST=add_fault, DELETE=end_faults)
fault_endpoint = control(DELETE=end_faults)
expire_endpoint = control(POST=expire)
lists_endpoint = control(GET=read_lists, POST=make_list)
list_endpoint = control(DELETE=delete_list)
contacts_endpoint = control(GET=read_contacts, POST=add_contacts, PATCH=change_contacts, DELETE=delete_contacts)
contact_endpoint = control(PATCH=change_contact, DELETE=delete_contact)
codes_endpoint = control(POST=make_code)
nothing_endpoint = control(GET=nothing, POST=nothing, PUT=nothing, PATCH=nothing, DELETE=nothing)
