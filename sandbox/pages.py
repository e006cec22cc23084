"""The pages of the simulated Act-On: accounts, their lists and contacts, faults. They need no login."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from sandbox import contacts, limits, rows
from sandbox.bodies import FaultBody
from sandbox.clock import now_ms
from sandbox.forms import FAULT_BUTTONS, ContactForm, FaultForm, ListForm, NameForm, SettingsForm
from sandbox.models import Account, ContactList, Inbox

CONTACTS_A_PAGE = 50
MANY = 1_000
SHOWN_CALLS = 20


@require_http_methods(["GET", "HEAD", "POST"])
def accounts(request: HttpRequest) -> HttpResponse:
    """Every account, how to begin, and a form to make an account."""
    form = NameForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return redirect("sandbox:account", contacts.account_for(form.cleaned_data["name"]).name)
    context = {
        "accounts": Account.objects.annotate(size=Count("lists")).order_by("name"),
        "inboxes": Inbox.objects.count(),
        "form": form,
        "base": request.build_absolute_uri(reverse("sandbox:accounts")).rstrip("/"),
    }
    return render(request, "sandbox/accounts.html", context, status=400 if form.errors else 200)


@require_safe
def account(request: HttpRequest, name: str) -> HttpResponse:
    return _account_page(request, get_object_or_404(Account, name=name))


def _account_page(request: HttpRequest, shown: Account, **forms: Any) -> HttpResponse:
    """The account's page, with the form that was refused in place of its fresh one."""
    context = {
        "account": shown,
        "lists": ContactList.objects.filter(account=shown).annotate(size=Count("contacts")).order_by("list_id"),
        "counters": _counter_rows(shown),
        "faults": shown.faults.order_by("pk"),
        "calls": shown.calls.order_by("-pk")[:SHOWN_CALLS],
        "settings_form": SettingsForm(instance=shown),
        "fault_form": FaultForm(),
        "list_form": ListForm(),
        "buttons": FAULT_BUTTONS,
    }
    return render(request, "sandbox/account.html", context | forms, status=400 if forms else 200)


def _counter_rows(shown: Account) -> list[dict[str, Any]]:
    return [
        {"what": "Calls in the busiest second", "count": shown.most_in_a_second, "most": shown.calls_per_second,
         "refused": shown.refused_by_second},
        {"what": "Calls today (UTC)", "count": shown.calls_today, "most": shown.calls_per_day,
         "refused": shown.refused_by_day},
        {"what": "Token calls in the busiest hour", "count": shown.most_token_calls_in_an_hour,
         "most": shown.token_calls_per_hour, "refused": shown.refused_by_hour},
    ]  # fmt: skip


@require_POST
def change_settings(request: HttpRequest, name: str) -> HttpResponse:
    form = SettingsForm(request.POST, instance=get_object_or_404(Account, name=name))
    if not form.is_valid():
        return _account_page(request, get_object_or_404(Account, name=name), settings_form=form)
    Account.objects.filter(name=name).update(**form.cleaned_data)  # only these: the counters may move meanwhile
    messages.success(request, "Saved.")
    return redirect("sandbox:account", name)


@require_POST
def reset_limits(request: HttpRequest, name: str) -> HttpResponse:
    limits.reset(get_object_or_404(Account, name=name), now_ms())
    messages.success(request, "The limits are whole again; counters and call log begin anew.")
    return redirect("sandbox:account", name)


@require_POST
def add_fault(request: HttpRequest, name: str) -> HttpResponse:
    shown = get_object_or_404(Account, name=name)
    form = FaultForm(request.POST)
    kind = request.POST.get("kind", "")
    if kind not in dict(FAULT_BUTTONS):
        form.add_error(None, "Choose a fault.")
    if not form.is_valid():
        return _account_page(request, shown, fault_form=form)
    given = {field: value for field, value in form.cleaned_data.items() if value != ""}
    shown.faults.create(**FaultBody.model_validate({"kind": kind, **given}).values())
    messages.success(request, f"Switched on: {dict(FAULT_BUTTONS)[kind].lower()}.")
    return redirect("sandbox:account", name)


@require_POST
def end_faults(request: HttpRequest, name: str, fault_id: int | None = None) -> HttpResponse:
    faults = get_object_or_404(Account, name=name).faults.all()
    (faults if fault_id is None else faults.filter(pk=min(fault_id, 2**62))).delete()
    messages.success(request, "Switched off.")
    return redirect("sandbox:account", name)


@require_POST
def add_list(request: HttpRequest, name: str) -> HttpResponse:
    shown = get_object_or_404(Account, name=name)
    form = ListForm(request.POST)
    if not form.is_valid():
        return _account_page(request, shown, list_form=form)
    made = contacts.add_list(shown, form.cleaned_data["name"])
    return redirect("sandbox:list", name, made.list_id)


def _list(name: str, list_id: str) -> ContactList:
    return get_object_or_404(ContactList.objects.select_related("account"), account__name=name, list_id=list_id)


@require_http_methods(["GET", "HEAD", "POST"])
def contact_list(request: HttpRequest, name: str, list_id: str) -> HttpResponse:
    """The contacts of a list, newest first, with forms to add, change and delete."""
    shown = _list(name, list_id)
    form = ContactForm(shown.headers, request.POST or None)
    if request.method == "POST" and form.is_valid():
        values = form.values()
        if any(values.cells.values()):
            [record] = contacts.add(shown, [values])
            messages.success(request, f"Added {list_id}:{record}.")
            return redirect("sandbox:list", name, list_id)
        form.add_error(None, "Fill in at least one column.")
    return _list_page(request, shown, form)


def _list_page(request: HttpRequest, shown: ContactList, form: ContactForm) -> HttpResponse:
    page = Paginator(shown.contacts.order_by("-record"), CONTACTS_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "account": shown.account,
        "list": shown,
        "form": form,
        "page": page,
        "rows": [
            {"contact": contact, "cells": list(zip(shown.headers, contact.cells, strict=True))} for contact in page
        ],
    }
    return render(request, "sandbox/list.html", context, status=400 if form.errors else 200)


@require_POST
def change_many(request: HttpRequest, name: str, list_id: str) -> HttpResponse:
    """Change 1,000 contacts, adding what is missing to that number."""
    changed = contacts.change_first(_list(name, list_id), MANY)
    messages.success(request, f"Changed {changed:,} contacts.")
    return redirect("sandbox:list", name, list_id)


@require_POST
def change_contact(request: HttpRequest, name: str, list_id: str, record: int) -> HttpResponse:
    """Change or delete one contact, as the pressed button says."""
    shown = _list(name, list_id)
    page = f"{reverse('sandbox:list', args=[name, list_id])}?page={request.POST.get('page', '1')}"
    if "delete" in request.POST:
        if not contacts.remove(shown, [record]):
            raise Http404
        messages.success(request, f"Deleted {list_id}:{record}.")
        return redirect(page)
    form = ContactForm(shown.headers, request.POST)
    if not form.is_valid():
        messages.error(request, f"{list_id}:{record} was not changed: {' '.join(_problems(form))}")
        return redirect(page)
    try:
        contacts.change(shown, {record: rows.Values(form.values().cells)})
    except contacts.Missing:
        raise Http404 from None
    messages.success(request, f"Changed {list_id}:{record}.")
    return redirect(page)


def _problems(form: ContactForm) -> list[str]:
    return [f"{form.fields[field].label}: {' '.join(map(str, errors))}" for field, errors in form.errors.items()]
