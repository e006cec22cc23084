"""A new instance, one that is changed, and one that is authenticated again."""

import json

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from console import access, authorize, curl, first_visit, form_preview, instance_form, transfer
from console import sheet as sheets
from console.access import PageRequest, noted, operators_page
from console.models import Authorization
from console.sheet import Sheet
from instances.configuration import MASK, ConfigurationError
from instances.models import Instance
from polling import provisioning

# What changes the connection: Act-On has to be asked again.
CREDENTIALS = ("api_key", "host", "account")
NOT_KEPT = ("api_secret", "csrfmiddlewaretoken", "action")


def _render(request: PageRequest, sheet: Sheet, **more: object) -> HttpResponse:
    instance = sheet.instance
    if request.POST.get("api_secret") and "HX-Request" not in request.headers:
        sheets.ask_for_secret(sheet)  # htmx changes parts of the page, and leaves that field as it is
    context = {
        "sheet": sheet,
        "instance": instance,
        "here": reverse("console:edit", args=[instance.pk]) if instance else reverse("console:new"),
        "others": transfer.others(request, instance),
    }
    return render(request, "console/instance_form.html", context | more)


def _handle(request: PageRequest, instance: Instance | None) -> HttpResponse:
    sheet = sheets.sent(request.POST, instance)
    request.audit_target = None  # what Act-On has to agree to is noted once it has: `authorize.finish`
    match request.POST.get("action"):
        case "json":
            return render(request, "console/_instance_json.html", {"sheet": sheet, "swap": True})
        case "switch":
            return _render(request, sheets.switched(request.POST, sheet))
        case "add":
            return _render(request, sheets.added(request.POST, sheet))
        case "preview":
            sheet = sheets.with_changed_open(request.POST, sheet)
            return _render(request, sheet, preview=form_preview.of(sheet))
    if not sheets.is_accepted(sheet):
        return _render(request, sheet)
    if instance is None or _asks_acton(request.POST, instance):
        kept = {name: value for name, value in request.POST.items() if name not in NOT_KEPT}
        return authorize.begin(request, kept, sheet.body | {"configuration": sheets.whole(sheet)}, instance)
    words = _words_of_change(sheet, instance)
    try:
        provisioning.update(
            instance,
            name=sheet.body["name"],
            tags=sheet.body.get("tags") or [sheet.body["name"]],
            raw=sheets.whole(sheet),
            merge=True,
            grant=provisioning.Grant(),
        )
    except ConfigurationError as error:
        sheets.show(sheet, error)
        return _render(request, sheet)
    request.audit_target = request.path
    messages.success(request, f"{instance.name} was changed.{words}")
    return redirect("console:instance", instance.pk)


def _words_of_change(sheet: Sheet, instance: Instance) -> str:
    """What becomes of the positions, told before the change: afterwards nobody knows what was there."""
    gone = sheet.forgotten
    words = "".join(f" {name} is polled no more; its position is forgotten." for name in gone)
    if len(gone) == len(sheet.polled):
        return words
    if sheet.body["configuration"]["event.notification.enabled"] and not instance.events_enabled:
        return f"{words} Events begin now: what changed while they were off is not sent."
    return f"{words} {'The other' if gone else 'Its'} positions are kept."


def _asks_acton(data: QueryDict, instance: Instance) -> bool:
    """Whether what was sent needs a new authorization: asked for, or other credentials."""
    stored = instance_form.values_of(instance)
    changed = any(data.get(name, "").strip() != stored.get(name, "") for name in CREDENTIALS)
    return data.get("action") == "authenticate" or changed or bool(data.get("api_secret"))


@require_http_methods(["GET", "HEAD", "POST"])
@operators_page
def new(request: PageRequest) -> HttpResponse:
    if request.method == "POST":
        return _of_document(request, None) if "document" in request.POST else _handle(request, None)
    if again := request.GET.get("again", ""):
        return _render(request, _again(request, again))
    if copied := request.GET.get("copy", ""):
        return _render(request, transfer.sheet_of(transfer.document(_other(request, copied)), None))
    if "first" in request.GET and settings.ACTON_API_URL == first_visit.SANDBOX:
        return _render(request, first_visit.sheet())
    return _render(request, sheets.blank(None))


def _again(request: PageRequest, authorization_id: str) -> Sheet:
    """The form that was sent, but for its secret. Raises Http404 for anybody else's."""
    rows = Authorization.objects.filter(user=request.user).select_related("instance__connection")
    row = get_object_or_404(rows, pk=access.id_of(authorization_id))
    kept = json.loads(row.form)
    if not kept["data"]:
        return sheets.blank(row.instance)
    data = QueryDict(mutable=True)
    data.update(kept["data"])
    sheet = sheets.sent(data, row.instance)
    if kept["body"]["configuration"].get(instance_form.KEYS["api_secret"]) != MASK:
        sheets.ask_for_secret(sheet)
    return sheet


def _other(request: PageRequest, instance_id: str) -> Instance:
    """Raises Http404."""
    return access.instance(request, access.id_of(instance_id))


def _of_document(request: PageRequest, instance: Instance | None) -> HttpResponse:
    """The form, filled out of a file that was downloaded somewhere; nothing is stored yet."""
    request.audit_target = None
    try:
        document = transfer.uploaded(request)
        sheet = transfer.sheet_of(document, instance)
    except ValueError as error:
        messages.error(request, f"Nothing was taken out of the file: {error}")
        return _render(request, sheets.blank(instance))
    messages.success(request, "The form holds what the file says. Nothing is stored yet.")
    return _render(request, sheet)


@require_http_methods(["GET", "HEAD", "POST"])
@operators_page
@noted("Change an instance")
def edit(request: PageRequest, instance_id: int) -> HttpResponse:
    instance = access.instance(request, instance_id)
    if request.method == "POST":
        return _of_document(request, instance) if "document" in request.POST else _handle(request, instance)
    if copied := request.GET.get("copy", ""):
        return _render(request, transfer.sheet_of(transfer.document(_other(request, copied)), instance))
    return _render(request, sheets.blank(instance))


@require_POST
@operators_page
def authenticate(request: PageRequest, instance_id: int) -> HttpResponse:
    """To Act-On and back with the stored key and secret; nothing else of the instance changes."""
    instance = access.instance(request, instance_id)
    request.audit_target = None
    raw = instance.configuration
    where = {"oauth.callback.url": raw.get("oauth.callback.url") or curl.landing_page()}
    asked = {"oauth.api.key": instance.connection.api_key, "base.url": instance.connection.host} | where
    body = {"name": instance.name, "tags": instance.tags, "configuration": where}
    return authorize.begin(request, {}, body, instance, asked)


@require_POST
@operators_page
def finish(request: PageRequest) -> HttpResponse:
    """The code, brought by hand from where Act-On sent the browser."""
    request.audit_target = None
    query = {"code": request.POST.get("code", "").strip()}
    return authorize.finish(request, request.POST.get("state", ""), query)
