"""A new instance, or one that is changed: the form, and the JSON beside it."""

import json
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from console import access, authorize, curl, instance_form
from console.access import PageRequest, operators_page
from console.instance_form import InstanceForm, PollerForms
from console.models import Authorization
from instances.configuration import MASK, SIGNATURE_KEY, ConfigurationError
from instances.models import Instance
from polling import provisioning

# What changes the connection: Act-On has to be asked again.
CREDENTIALS = ("api_key", "api_secret", "host", "account")
NOT_KEPT = ("api_secret", "csrfmiddlewaretoken", "action")


@dataclass
class Sheet:
    """The form with its panes, as one of two spellings: `mode` is "form" or "json"."""

    form: InstanceForm
    panes: Any
    mode: str
    instance: Instance | None
    body: dict[str, Any] = field(default_factory=dict)
    chosen: list[dict[str, Any]] = field(default_factory=list)

    @property
    def cost(self) -> str:
        pollers = self.body["configuration"].get(instance_form.POLLERS) or {}
        minutes = self.body["configuration"].get("event.poller.refresh_interval")
        return instance_form.cost_of(
            int(minutes) if str(minutes or "").isdigit() else None, len(pollers) if isinstance(pollers, dict) else 1
        )

    @property
    def json(self) -> str:
        return instance_form.shown(self.body, new=self.instance is None)

    @property
    def curl(self) -> str:
        return curl.send_instance(json.loads(self.json), self.instance)


def _blank(instance: Instance | None) -> Sheet:
    values = instance_form.values_of(instance) if instance else {}
    if instance and instance.signature_key:
        values["signature_key"] = MASK
    form = InstanceForm(initial=values)
    panes = instance_form.panes_of(instance)
    values = {name: form.get_initial_for_field(each, name) for name, each in form.fields.items()} | values
    return _sheet(form, PollerForms(initial=panes, prefix="p"), "form", instance, values, panes)


def _sheet(
    form: InstanceForm,
    forms: Any,
    mode: str,
    instance: Instance | None,
    values: dict[str, Any],
    panes: list[dict[str, Any]],
) -> Sheet:
    sheet = Sheet(form, forms, mode, instance, chosen=panes)
    pollers: Any = instance_form.pollers_of(panes)
    if mode == "json":
        pollers = _parsed(values.get("raw") or "")
    sheet.body = instance_form.body_of(_with_stored(values, instance), pollers)
    return sheet


def _parsed(text: str) -> Any:
    """What was typed as JSON; as text where it is none, so that the rules say what is wrong with it."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _with_stored(values: dict[str, Any], instance: Instance | None) -> dict[str, Any]:
    """A secret that was left blank is the stored one."""
    return values | ({"api_secret": MASK} if instance and not values.get("api_secret") else {})


def _sent(data: QueryDict, instance: Instance | None) -> Sheet:
    """The sheet as it was sent, valid or not."""
    form, forms = InstanceForm(data), PollerForms(data, prefix="p")
    form.is_valid()
    values = {name: form.cleaned_data.get(name, form.data.get(name, "")) for name in form.fields}
    panes = [{name: each[name].value() or "" for name in each.fields} for each in forms.forms]
    return _sheet(form, forms, "json" if data.get("mode") == "json" else "form", instance, values, panes)


def _switched(data: QueryDict, sheet: Sheet) -> Sheet:
    """The other spelling, holding what was typed in this one; it stays where the JSON cannot be read."""
    changed = data.copy()
    if sheet.mode == "form":
        changed["mode"] = "json"
        changed["raw"] = json.dumps(instance_form.pollers_of(sheet.chosen), indent=2)
        return _sent(changed, sheet.instance)
    try:
        given = json.loads(data.get("raw") or "{}")
        if not isinstance(given, dict) or not all(isinstance(entry, dict) for entry in given.values()):
            raise ValueError("it must be an object with one object a resource")
    except ValueError as error:
        sheet.form.add_error("raw", f"This is not JSON that the form can show: {error}")
        return sheet
    panes = [instance_form.pane_of(resource, entry) for resource, entry in given.items()]
    panes += [pane | {"selected": ""} for pane in sheet.chosen if pane["resource"] not in given]
    changed["mode"] = "form"
    return _sent(_with_panes(changed, panes), sheet.instance)


def _with_panes(data: QueryDict, panes: list[dict[str, Any]]) -> QueryDict:
    """The data of a form with these panes instead of its own."""
    changed = data.copy()
    for name in [name for name in changed if name.startswith("p-")]:
        del changed[name]
    changed["p-TOTAL_FORMS"], changed["p-INITIAL_FORMS"] = str(len(panes)), "0"
    for number, pane in enumerate(panes):
        for name, value in pane.items():
            if value not in (False, ""):
                changed[f"p-{number}-{name}"] = "on" if value is True else str(value)
    return changed


def _added(data: QueryDict, sheet: Sheet) -> Sheet:
    """One more pane, a copy of the last one."""
    names = {pane["resource"] for pane in sheet.chosen}
    last = sheet.chosen[-1] if sheet.chosen else instance_form.panes_of(None)[0]
    number = next(number for number in range(2, 60) if f"{last['resource']}-{number}" not in names)
    copy = last | {"resource": f"{last['resource']}-{number}", "selected": True}
    return _sent(_with_panes(data, [*sheet.chosen, copy]), sheet.instance)


def _check(sheet: Sheet) -> bool:
    """Whether the API would take it; else its words stand beside the field."""
    form = sheet.form
    form.is_valid()
    raw = sheet.body["configuration"]
    for name in ("api_key", "api_secret", "oauth_callback_url"):
        if not raw.get(instance_form.KEYS[name]):
            form.add_error(name, "This is needed.")
    if raw.get("event.notification.enabled") and not raw.get(instance_form.POLLERS):
        form.add_error("events_enabled", "Select at least one resource to poll.")
    if form.errors or (sheet.mode == "form" and not sheet.panes.is_valid()):
        return False
    try:
        instance_form.check(sheet.body)
    except ConfigurationError as error:
        _show(sheet, error)
        return False
    return True


def _show(sheet: Sheet, error: ConfigurationError) -> None:
    name, number = instance_form.place_of(error, [pane["resource"] for pane in sheet.chosen])
    if number is not None and sheet.mode == "form":
        sheet.panes.forms[number].add_error(name, error.problem)
    elif number is not None:
        sheet.form.add_error("raw", f"{error.key.removeprefix('configuration.')}: {error.problem}")
    else:
        sheet.form.add_error(name or None, error.problem if name else f"{error.key}: {error.problem}")


def _render(request: PageRequest, sheet: Sheet) -> HttpResponse:
    return render(request, "console/instance_form.html", {"sheet": sheet, "instance": sheet.instance})


def _handle(request: PageRequest, instance: Instance | None) -> HttpResponse:
    sheet = _sent(request.POST, instance)
    request.audit_target = None
    match request.POST.get("action"):
        case "json":
            return render(request, "console/_instance_json.html", {"sheet": sheet, "swap": True})
        case "switch":
            return _render(request, _switched(request.POST, sheet))
        case "add":
            return _render(request, _added(request.POST, sheet))
    if not _check(sheet):
        return _render(request, sheet)
    request.audit_target = request.path
    kept = {
        name: value
        for name, value in request.POST.items()
        if name not in ("api_secret", "csrfmiddlewaretoken", "action")
    }
    if instance is None or _asks_acton(request.POST, sheet, instance):
        return authorize.begin(request, kept, sheet.body | {"configuration": _whole(sheet)}, instance)
    try:
        provisioning.update(
            instance,
            name=sheet.body["name"],
            tags=sheet.body.get("tags") or [sheet.body["name"]],
            raw=_whole(sheet),
            merge=True,
            grant=provisioning.Grant(),
        )
    except ConfigurationError as error:
        _show(sheet, error)
        return _render(request, sheet)
    messages.success(request, f"{instance.name} was changed. Its positions are kept.")
    return redirect("console:instance", instance.pk)


def _asks_acton(data: QueryDict, sheet: Sheet, instance: Instance) -> bool:
    """Whether what was sent needs a new authorization: asked for, or other credentials."""
    stored = instance_form.values_of(instance)
    changed = any(data.get(name, "") != stored.get(name, "") for name in CREDENTIALS if name != "api_secret")
    return data.get("action") == "authenticate" or changed or bool(data.get("api_secret"))


def _whole(sheet: Sheet) -> Any:
    """The configuration; of a stored instance, with nothing for each field that was emptied: merging removes it."""
    if sheet.instance is None:
        return sheet.body["configuration"]
    emptied = dict.fromkeys(instance_form.KEYS.values())
    if sheet.body["configuration"].get(SIGNATURE_KEY) == MASK:
        del emptied[SIGNATURE_KEY]
    return emptied | sheet.body["configuration"]


@require_http_methods(["GET", "HEAD", "POST"])
@operators_page
def new(request: PageRequest) -> HttpResponse:
    if request.method == "POST":
        return _handle(request, None)
    if again := request.GET.get("again", ""):
        return _render(request, _again(request, again))
    return _render(request, _blank(None))


def _again(request: PageRequest, authorization_id: str) -> Sheet:
    """The form that was sent, but for its secret. Raises Http404 for anybody else's."""
    rows = Authorization.objects.filter(user=request.user).select_related("instance")
    row = get_object_or_404(
        rows, pk=authorization_id if authorization_id.isdigit() and len(authorization_id) < 19 else 0
    )
    data = QueryDict(mutable=True)
    data.update(json.loads(row.form)["data"])
    return _sent(data, row.instance)


@require_http_methods(["GET", "HEAD", "POST"])
@operators_page
def edit(request: PageRequest, instance_id: int) -> HttpResponse:
    instance = access.instance(request, instance_id)
    if request.method == "POST":
        return _handle(request, instance)
    return _render(request, _blank(instance))


@require_POST
@operators_page
def finish(request: PageRequest) -> HttpResponse:
    """The code, brought by hand from where Act-On sent the browser."""
    query = {"code": request.POST.get("code", "").strip()}
    return authorize.finish(request, request.POST.get("state", ""), query)


@require_POST
@operators_page
def delete(request: PageRequest, instance_id: int) -> HttpResponse:
    instance = access.instance(request, instance_id)
    if request.POST.get("name", "").strip() != instance.name:
        messages.error(request, "Nothing was deleted: the name that was typed is not the instance's.")
        return redirect("console:edit", instance.pk)
    provisioning.delete(instance)
    messages.success(request, f"{instance.name} was deleted, with its events and positions.")
    return redirect("console:instances")
