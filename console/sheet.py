"""The sheet of an instance: its form with a pane a resource, as one of two spellings, and the API call that says it."""

import itertools
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.http import QueryDict
from pydantic import ValidationError

from acton_hub import incoming
from api.bodies import InstanceChange
from console import curl, form_rules, instance_form
from console.instance_form import InstanceForm, PollerForms
from instances.configuration import MASK, SIGNATURE_KEY, ConfigurationError
from instances.models import Instance

REQUIRED = ("api_key", "api_secret", "oauth_callback_url")
FORGET = "forget:"  # and a resource: the box that says that its position may go


@dataclass
class Sheet:
    """`mode` is "form" or "json": how the pollers are written."""

    form: InstanceForm
    panes: Any
    mode: str
    instance: Instance | None
    body: dict[str, Any] = field(default_factory=dict)
    chosen: list[dict[str, Any]] = field(default_factory=list)
    opened: str = ""  # the resource whose pane was just added
    confirmed: set[str] = field(default_factory=set)  # resources whose positions may be forgotten
    unconfirmed: list[str] = field(default_factory=list)  # those that nobody said so of, when it was to be saved

    @property
    def is_new(self) -> bool:
        return self.instance is None

    @cached_property
    def polled(self) -> list[str]:
        """The resources that the stored instance polls."""
        return list(self.instance.pollers.order_by("pk").values_list("resource", flat=True)) if self.instance else []

    @property
    def forgotten(self) -> list[str]:
        """Those among them that it would poll no more; their positions go."""
        pollers = self.body["configuration"].get(instance_form.POLLERS)
        return [name for name in self.polled if name not in pollers] if isinstance(pollers, dict) else []

    @property
    def forgotten_without_pane(self) -> list[str]:
        """Those that no pane shows: another name was typed over theirs, or they are not in the JSON or the file."""
        shown = {pane["resource"] for pane in self.chosen} if self.mode == "form" else set()
        return [name for name in self.forgotten if name not in shown]

    @property
    def cost(self) -> str:
        pollers = self.body["configuration"].get(instance_form.POLLERS) or {}
        text = str(self.body["configuration"].get("event.poller.refresh_interval") or "")
        minutes = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
        return form_rules.cost_of(minutes, len(pollers) if isinstance(pollers, dict) else 1)

    @property
    def json(self) -> str:
        """What the API would be sent; of a stored instance, with nothing for what is stored and was emptied."""
        body = self.body
        if self.instance:
            stored = self.instance.configuration.keys() | self.instance.secret_values.keys()
            raw = {key: value for key, value in whole(self).items() if value is not None or key in stored}
            body = body | {"configuration": raw}
        return instance_form.shown(body, new=self.is_new)

    @property
    def variables(self) -> list[str]:
        """Of the shell, in `curl`."""
        return curl.variables(json.loads(self.json))

    @property
    def curl(self) -> str:
        return curl.send_instance(json.loads(self.json), self.instance)


def blank(instance: Instance | None) -> Sheet:
    """The sheet before anything was typed."""
    return holding(instance_form.values_of(instance) if instance else {}, instance_form.panes_of(instance), instance)


def holding(values: dict[str, Any], panes: list[dict[str, Any]], instance: Instance | None) -> Sheet:
    """A sheet that is filled with these values, and for the rest with what a blank one holds."""
    form = InstanceForm(initial=values, stored_host=instance.connection.host if instance else "")
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
    pollers: Any = instance_form.pollers_of(panes)
    if mode == "json":
        pollers = _parsed(values.get("raw") or "")
    if instance and not values.get("api_secret"):
        values = values | {"api_secret": MASK}  # one that was left blank is the stored one
    tags = instance_form.tags_of(str(values.get("tags") or ""), instance.tags if instance else [])
    if instance and not tags:
        tags = [str(values.get("name", ""))]
    return Sheet(form, forms, mode, instance, instance_form.body_of(values, pollers, tags), panes)


def _parsed(text: str) -> Any:
    """What was typed as JSON; as text where it is none, so that the rules say what is wrong with it."""
    try:
        return incoming.loads(text, keys_once=True)
    except ValueError:
        return text


def sent(data: QueryDict, instance: Instance | None, *, opened: str = "") -> Sheet:
    """The sheet as it was sent, valid or not."""
    form = InstanceForm(data, stored_host=instance.connection.host if instance else "")
    forms = PollerForms(data, prefix="p")
    form.is_valid()
    values = {name: form.cleaned_data.get(name, form.data.get(name, "")) for name in form.fields}
    panes = [{name: each[name].value() or "" for name in each.fields} for each in forms.forms]
    sheet = _sheet(form, forms, "json" if data.get("mode") == "json" else "form", instance, values, panes)
    sheet.opened = opened
    sheet.confirmed = {name.removeprefix(FORGET) for name in data if name.startswith(FORGET)}
    return sheet


def ask_for_secret(sheet: Sheet) -> None:
    """Say that the API Secret was typed and is gone, as no page is sent with it; the JSON holds what is left."""
    raw, key = sheet.body["configuration"], instance_form.KEYS["api_secret"]
    if sheet.is_new:
        raw.pop(key, None)
        sheet.form.add_error("api_secret", "Enter it again: it is never sent back to the browser.")
    else:
        raw[key] = MASK
        sheet.form.add_error("api_secret", "Enter it again, or leave it empty: then the stored one stays.")


def with_changed_open(data: QueryDict, sheet: Sheet) -> Sheet:
    """The same sheet, with each pane open in which something was changed: scripts tell which ones were open, without
    them this is the one that somebody works at.
    """
    if sheet.instance is None or sheet.mode == "json":
        return sheet
    stored = dict(sheet.instance.pollers.values_list("resource", "configuration"))
    panes = [
        pane
        | {
            "opened": pane["opened"]
            or (pane["selected"] and instance_form.entry_of(pane) != stored.get(pane["resource"]))
        }
        for pane in sheet.chosen
    ]
    return sent(_with_panes(data, panes), sheet.instance)


def switched(data: QueryDict, sheet: Sheet) -> Sheet:
    """The other spelling, holding what was typed in this one; it stays where the JSON cannot be read."""
    changed = data.copy()
    if sheet.mode == "form":
        changed["mode"] = "json"
        changed["raw"] = instance_form.spelled(instance_form.pollers_of(sheet.chosen))
        return sent(changed, sheet.instance)
    try:
        given = incoming.loads(data.get("raw") or "{}", keys_once=True)
        if not isinstance(given, dict) or not all(isinstance(entry, dict) for entry in given.values()):
            raise ValueError("it must be an object with one object a resource")
    except ValueError as error:
        sheet.form.add_error("raw", f"This is not JSON that the form can show: {error}")
        return sheet
    panes = {pane["resource"]: pane for pane in sheet.chosen}
    shown = [
        instance_form.pane_again(panes[resource], resource, entry)
        if resource in panes
        else instance_form.pane_of(resource, entry)
        for resource, entry in given.items()
    ]
    shown += [pane | {"selected": ""} for pane in sheet.chosen if pane["resource"] not in given]
    changed["mode"] = "form"
    return sent(_with_panes(changed, shown), sheet.instance)


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


def added(data: QueryDict, sheet: Sheet) -> Sheet:
    """One more pane, open, a copy of the last one that is ticked, and below that."""
    names = {pane["resource"] for pane in sheet.chosen}
    panes = sheet.chosen or instance_form.panes_of(None)
    at = max((number for number, pane in enumerate(panes) if pane["selected"]), default=0)
    number = next(number for number in itertools.count(2) if f"{panes[at]['resource']}-{number}" not in names)
    name = f"{panes[at]['resource']}-{number}"
    copy = panes[at] | {"resource": name, "selected": True, "opened": True}
    return sent(_with_panes(data, [*panes[: at + 1], copy, *panes[at + 1 :]]), sheet.instance, opened=name)


def is_accepted(sheet: Sheet) -> bool:
    """Whether the API would take it, and each position that goes may go; else what is wrong stands beside its field."""
    form = sheet.form
    form.is_valid()
    raw = sheet.body["configuration"]
    for name in REQUIRED:
        if not raw.get(instance_form.KEYS[name]):
            form.add_error(name, "This field is required.")
    if raw.get("event.notification.enabled") and not raw.get(instance_form.POLLERS):
        form.add_error("raw", "Select at least one resource to poll.")
    if problem := instance_form.problem_of_further(form.data.get("further", "").strip()):
        form.add_error("further", problem)
    panes_are_valid = sheet.mode == "json" or _panes_are_valid(sheet)
    sheet.unconfirmed = [name for name in sheet.forgotten if name not in sheet.confirmed]
    for error in form_rules.problems(sheet.body):
        show(sheet, error)
    try:
        said = InstanceChange.model_validate({"name": sheet.body["name"], "tags": sheet.body.get("tags")})
    except ValidationError as refused:
        first = refused.errors()[0]
        _say(form, str(first["loc"][0]), first["msg"].removeprefix("Value error, "))
        return False
    sheet.body |= {"name": said.name} | ({"tags": said.tags} if said.tags else {})
    if form.errors or sheet.unconfirmed:
        return False
    return panes_are_valid and not (sheet.mode == "form" and sheet.panes.total_error_count())


def _panes_are_valid(sheet: Sheet) -> bool:
    valid = bool(sheet.panes.is_valid())
    seen: set[str] = set()
    for number, pane in enumerate(sheet.chosen):
        if pane["selected"] and pane["resource"] in seen:
            sheet.panes.forms[number].add_error("resource", "Another resource has this name.")
            valid = False
        seen |= {pane["resource"]} if pane["selected"] else set()
    return valid


def show(sheet: Sheet, error: ConfigurationError) -> None:
    """Put what the API would say beside the field that it is about, unless more is said there already."""
    name, number = form_rules.place_of(error, [pane["resource"] for pane in sheet.chosen])
    if number is not None and sheet.mode == "form":
        _say(sheet.panes.forms[number], name, error.problem)
    elif number is not None:
        sheet.form.add_error("raw", _sentence(f"{error.key.removeprefix('configuration.')}: {error.problem}"))
    else:
        _say(sheet.form, name, error.problem if name else f"{error.key}: {error.problem}")


def _say(form: Any, name: str, problem: str) -> None:
    if not name or not form.has_error(name):
        form.add_error(name or None, _sentence(problem))


def _sentence(problem: str) -> str:
    """What the API says behind the name of a key, as a sentence of its own."""
    said = f"This {problem}" if problem.startswith(("is ", "must ")) else problem
    return said if said.endswith((".", "!", "?")) else f"{said}."


def whole(sheet: Sheet) -> dict[str, Any]:
    """The configuration; of a stored instance, with nothing for each key that was emptied: merging removes it."""
    raw: dict[str, Any] = sheet.body["configuration"]
    if sheet.instance is None:
        return raw
    stored = instance_form.further_of(instance_form.values_of(sheet.instance))
    emptied = dict.fromkeys([*instance_form.KEYS.values(), *stored])
    if raw.get(SIGNATURE_KEY) == MASK:
        del emptied[SIGNATURE_KEY]
    return emptied | raw
