"""The form of an instance, and the JSON that the API call would take: two spellings of one thing (CONTRACT §3, §4).

The rules are the API's own (`console.form_rules`): the form is turned into the API's body, which they look at.
"""

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings

from console import curl
from elements.acton.default_poller import DEFAULT, OFFERED
from instances import configuration
from instances.configuration import MASK
from instances.models import Instance
from polling import provisioning

POLLERS = "event.poller.configuration"
# Field → configuration key, in the order in which the JSON shows them.
KEYS = {
    "api_key": "oauth.api.key",
    "api_secret": "oauth.api.secret",
    "oauth_callback_url": "oauth.callback.url",
    "host": "base.url",
    "account": "acton.account",
    "events_enabled": "event.notification.enabled",
    "vendor_type": "event.vendor.type",
    "callback_url": "event.notification.callback.url",
    "signature_key": "event.notification.signature.key",
    "refresh_minutes": "event.poller.refresh_interval",
}
FIELDS = {key: field for field, key in KEYS.items()}
SECRETS = ("api_secret", "signature_key")
TAG_JOINT = ", "
UNSAID = {  # where events are off, these are not worth a line
    "event.vendor.type": "polling",
    "event.poller.refresh_interval": provisioning.DEFAULT_MINUTES,
}
CODE = "<AUTHORIZATION_GRANT_CODE>"  # as the platform's documentation writes it


def hosts(stored: str = "") -> list[tuple[str, str]]:
    """The Act-On hosts that an instance may name; the one that is stored stays among them."""
    known = [(settings.ACTON_US_URL, "Act-On US"), (settings.ACTON_EUROPE_URL, "Act-On Europe")]
    known += [(url, url) for url in settings.ACTON_API_HOSTS]
    known = ([("sandbox", "Sandbox")] if settings.SANDBOX_ENABLED else []) + known
    return known + ([(stored, stored)] if stored and stored not in dict(known) else [])


class InstanceForm(forms.Form):
    """Everything but the pollers. Blank secrets of a stored instance keep what is stored."""

    name = forms.CharField(label="Name", max_length=200)
    tags = forms.CharField(
        label="Tags", required=False, help_text="Separated by commas; the name, where there is none."
    )
    api_key = forms.CharField(
        label="API Key", required=False, help_text="The client id of your Act-On application (oauth.api.key)."
    )
    api_secret = forms.CharField(
        label="API Secret",
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="Its client secret (oauth.api.secret). It is stored encrypted and never shown again.",
    )
    oauth_callback_url = forms.CharField(
        label="Callback URL",
        required=False,
        help_text="Where Act-On sends the browser back to (oauth.callback.url): the hub's own page, or one of your "
        "application's, from where you then bring the code.",
    )
    host = forms.ChoiceField(label="Act-On host", help_text="Where the account lives (base.url).")
    account = forms.CharField(
        label="Act-On account",
        required=False,
        help_text="Any name for the Act-On user behind it; instances that name the same one share its limits.",
    )
    events_enabled = forms.BooleanField(
        label="Events Enabled", required=False, help_text="Watch Act-On for changes and send them to a callback."
    )
    vendor_type = forms.ChoiceField(
        label="Event Type",
        choices=[("polling", "polling"), ("webhooks", "webhooks")],
        required=False,
        help_text="With webhooks Act-On calls the hub as well; polling goes on as a safety net.",
    )
    callback_url = forms.CharField(
        label="Event Notification Callback URL",
        required=False,
        help_text="Each notification is sent here by POST. The first request that it gets is an event.",
    )
    signature_key = forms.CharField(
        label="Callback Notification Signature Key",
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="Optional: notifications are signed with it, so that your application can tell them from others.",
    )
    refresh_minutes = forms.IntegerField(
        label="Event poller refresh interval (mins)",
        required=False,
        min_value=1,
        max_value=10_080,
        initial=provisioning.DEFAULT_MINUTES,
    )
    raw = forms.CharField(
        label="Pollers as JSON", required=False, widget=forms.Textarea(attrs={"rows": 18, "spellcheck": "false"})
    )

    further = forms.CharField(
        label="Further configuration",
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="Every key that has no field here, as one JSON object.",
    )

    def __init__(self, *args: Any, stored_host: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = hosts(stored_host)
        host = self.fields["host"]
        assert isinstance(host, forms.ChoiceField)  # noqa: S101 - for the type checker
        host.choices = choices
        host.initial = choices[0][0] if settings.ACTON_API_URL == "sandbox" else settings.ACTON_US_URL
        self.fields["oauth_callback_url"].initial = curl.landing_page()


class PollerForm(forms.Form):
    """The pane of one resource."""

    selected = forms.BooleanField(label="Poll it", required=False)
    resource = forms.CharField(
        label="Resource",
        max_length=200,
        help_text="The name in events: their objectType. Under another name it is another poller, which begins at now.",
    )
    url = forms.CharField(
        label="URL",
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text="A hub URL. ${epoch} becomes the last poll date; {listId} stands for every list.",
    )
    id_field = forms.CharField(label="ID Field", required=False, help_text="The field that holds a record's id.")
    advanced = forms.BooleanField(
        label="Advanced Filtering", required=False, help_text="Say which dates tell whether a record is new or changed."
    )
    updated_field = forms.CharField(label="Updated Date Field", required=False)
    updated_format = forms.CharField(label="Updated Date Format", required=False)
    created_field = forms.CharField(label="Created Date Field", required=False)
    created_format = forms.CharField(label="Created Date Format", required=False)
    zone = forms.CharField(label="Time zone of the dates", required=False, help_text="None means UTC.")
    others = forms.CharField(required=False, widget=forms.HiddenInput)  # JSON: keys that have no field here
    opened = forms.CharField(required=False, widget=forms.HiddenInput)  # whether the pane is open; scripts keep it

    def clean_others(self) -> str:
        text: str = self.cleaned_data["others"]
        if text and _object(text) is None:
            raise forms.ValidationError("The keys beside these fields could not be read.")
        return text


PANE = {
    "updated_field": "updatedDateField",
    "updated_format": "updatedDateFormat",
    "created_field": "createdDateField",
    "created_format": "createdDateFormat",
}
ZONES = ("updatedDateTimezone", "createdDateTimezone")
PollerForms = forms.formset_factory(PollerForm, extra=0, max_num=50, absolute_max=50)


def _object(text: str) -> dict[str, Any] | None:
    """The JSON object that `text` is, if it is one."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def entry_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """A resource's entry in the poller configuration, out of its pane."""
    others = _object(values.get("others") or "{}") or {}
    dates = others.pop("datesConfiguration", {})
    if values.get("advanced") and isinstance(dates, dict):
        dates |= {key: values[field] for field, key in PANE.items() if values.get(field)}
        dates |= {zone: values["zone"] for zone in ZONES if values.get("zone")}
    entry: dict[str, Any] = {"url": values.get("url", ""), "idField": values.get("id_field", "")}
    return entry | ({"datesConfiguration": dates} if dates else {}) | others


def pane_of(resource: str, entry: Any, *, selected: bool = True) -> dict[str, Any]:
    """The pane that shows an entry; what it has no field for, or is no text, is kept beside it."""
    rest = dict(entry) if isinstance(entry, dict) else {}
    given = rest.pop("datesConfiguration", None)
    dates = dict(given) if isinstance(given, dict) else {}
    pane: dict[str, Any] = {
        "selected": selected,
        "resource": resource,
        "url": _taken(rest, "url"),
        "id_field": _taken(rest, "idField"),
        "advanced": bool(dates),
    }
    pane |= {field: _taken(dates, key) for field, key in PANE.items()}
    zones = [dates.get(zone, "") for zone in ZONES]
    pane["zone"] = zones[0] if zones[0] == zones[1] and isinstance(zones[0], str) else ""
    if pane["zone"]:
        for zone in ZONES:
            dates.pop(zone)
    if dates or (given and not isinstance(given, dict)):
        rest["datesConfiguration"] = dates or given
    pane["others"] = json.dumps(rest) if rest else ""
    return pane


def _taken(values: dict[str, Any], key: str) -> str:
    """The text of that key, taken out; nothing, and nothing taken, where it is no text."""
    return values.pop(key) if isinstance(values.get(key), str) else ""


def pane_again(pane: dict[str, Any], resource: str, entry: Any) -> dict[str, Any]:
    """The pane that shows an entry which came out of `pane`, and may have been changed since.

    What was typed into `pane` and does not show in an entry, such as dates while Advanced Filtering is off, stays.
    """
    if entry == entry_of(pane):
        return pane | {"selected": True}
    shown = pane_of(resource, entry)
    if not shown["advanced"]:
        shown |= {field: pane.get(field, "") for field in (*PANE, "zone")}
    return shown


def pollers_of(panes: list[dict[str, Any]]) -> dict[str, Any]:
    """The poller configuration of the panes that are selected."""
    return {pane["resource"]: entry_of(pane) for pane in panes if pane.get("selected") and pane.get("resource")}


def body_of(values: Mapping[str, Any], pollers: Any, tags: list[str]) -> dict[str, Any]:
    """The body of `POST /instances`, but for the code that Act-On gives out later."""
    raw: dict[str, Any] = {}
    for field, key in KEYS.items():
        value = values.get(field)
        if field == "events_enabled":
            raw[key] = False if value is None else value
        elif value not in ("", None):
            raw[key] = value
    if not raw.get(KEYS["events_enabled"]):
        raw = {key: value for key, value in raw.items() if UNSAID.get(key) != value}
    if raw.get(KEYS["events_enabled"]) or pollers:
        raw[POLLERS] = pollers
    raw |= further_of(values)
    body = {"element": {"key": "acton"}, "name": values.get("name") or ""}
    return body | ({"tags": tags} if tags else {}) | {"configuration": raw}


def further_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """The keys without a field of their own; none where what was typed cannot be used (see `problem_of_further`)."""
    typed = _object(values.get("further") or "{}") or {}
    return {key: value for key, value in typed.items() if key not in FIELDS and key != POLLERS}


def problem_of_further(text: str) -> str:
    """What is wrong with the further keys, if anything is."""
    typed = _object(text) if text else {}
    if typed is None:
        return "This is not a JSON object."
    own = [key for key in typed if key in FIELDS or key == POLLERS]
    return f"These have a field of their own: {', '.join(own)}." if own else ""


def tags_of(text: str, stored: list[str]) -> list[str]:
    """The tags that were typed; those that are stored, commas and all, where nothing was changed."""
    if text == TAG_JOINT.join(stored):
        return stored
    return [tag.strip() for tag in text.split(",") if tag.strip()]


def shown(body: dict[str, Any], *, new: bool) -> str:
    """The body as it may be shown: secrets masked; that of a new instance with a place for the code."""
    raw = {
        key: MASK if configuration.is_secret(key) and value else value for key, value in body["configuration"].items()
    }
    if new:
        return spelled({**body, "providerData": {"code": CODE}, "configuration": raw})
    return spelled({**{key: body[key] for key in body if key != "element"}, "configuration": raw})


def spelled(value: Any) -> str:
    """JSON as people read it; with escapes where it holds half a character, which no page can be sent with."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return json.dumps(value, indent=2) if any("\ud800" <= character <= "\udfff" for character in text) else text


def values_of(instance: Instance) -> dict[str, Any]:
    """What the form shows of a stored instance; its secrets stay where they are."""
    stored = instance.configuration
    return {
        "name": instance.name,
        "tags": TAG_JOINT.join(instance.tags),
        "api_key": instance.connection.api_key,
        "oauth_callback_url": stored.get("oauth.callback.url", ""),
        "host": instance.connection.host,
        "account": instance.connection.account,
        "events_enabled": instance.events_enabled,
        "vendor_type": instance.vendor_type,
        "callback_url": instance.callback_url,
        "refresh_minutes": instance.refresh_minutes,
        "signature_key": MASK if instance.signature_key else "",
        "further": _further_text(configuration.masked(instance)),
    }


def values_in(document: dict[str, Any]) -> dict[str, Any]:
    """What the form shows of a body of `POST /instances`, as the API takes it; its secrets are left out."""
    raw = {key: value for key, value in document.get("configuration", {}).items() if value not in (None, "", MASK)}
    values = {field: raw[key] for field, key in KEYS.items() if key in raw and field not in SECRETS}
    values["events_enabled"] = str(values.get("events_enabled", "")).lower() == "true"
    tags = document.get("tags") or []
    values |= {"name": document.get("name", ""), "tags": TAG_JOINT.join(tags) if isinstance(tags, list) else tags}
    return values | {"further": _further_text({key: raw[key] for key in raw if not configuration.is_secret(key)})}


def _further_text(raw: dict[str, Any]) -> str:
    further = {key: raw[key] for key in sorted(raw) if key not in FIELDS and key != POLLERS}
    return spelled(further) if further else ""


def panes_of(instance: Instance | None) -> list[dict[str, Any]]:
    """One pane a resource: those of the instance, or the default of a new one; and what is on offer besides."""
    polled = (
        DEFAULT if instance is None else dict(instance.pollers.order_by("pk").values_list("resource", "configuration"))
    )
    return with_offered([pane_of(resource, entry) for resource, entry in polled.items()])


def with_offered(panes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The panes, and one that is not ticked for each resource on offer that is not among them."""
    there = {pane["resource"] for pane in panes}
    offered = {**DEFAULT, **OFFERED}
    return panes + [pane_of(name, entry, selected=False) for name, entry in offered.items() if name not in there]
