"""What the URL of the event log may narrow down, so that a view of it can be shared."""

from datetime import datetime, timedelta
from typing import cast

from django import forms
from django.db import connection
from django.db.models import Q
from django.db.models.functions import Left
from django.db.models.lookups import Exact
from django.utils import timezone

from console import access
from console.access import PageRequest
from events.models import Delivery, EventStatus, EventType

# The delivery's own words, where the event's do not tell that it is stuck.
STUCK = (Delivery.Status.RETRY, Delivery.Status.QUEUED)
STATUSES = [
    ("", "any"),
    ("Event", [(status.value, status.value) for status in EventStatus]),
    ("Delivery", [(status.value, status.value) for status in STUCK]),
]
SPANS = {
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
}
SPAN_NAMES = {"": "any", "15m": "last 15 minutes", "1h": "last hour", "24h": "last 24 hours", "7d": "last 7 days"}


class Moment(forms.DateTimeInput):
    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M", attrs={"step": "60"})


class Filter(forms.Form):
    """Each part is optional. Moments are in UTC."""

    instance = forms.ChoiceField(required=False)
    tag = forms.ChoiceField(required=False)
    resource = forms.CharField(max_length=200, required=False, widget=forms.TextInput(attrs={"list": "resources"}))
    type = forms.ChoiceField(choices=[("", "any"), *((kind.value, kind.value) for kind in EventType)], required=False)
    status = forms.ChoiceField(choices=STATUSES, required=False)
    object_id = forms.CharField(
        max_length=300, required=False, widget=forms.TextInput(attrs={"placeholder": "l-0001:12, l-0001:*"})
    )
    span = forms.ChoiceField(label="Time", choices=list(SPAN_NAMES.items()), required=False)
    begin = forms.DateTimeField(label="From (UTC)", required=False, widget=Moment)
    end = forms.DateTimeField(label="To (UTC)", required=False, widget=Moment)

    own: dict[int, list[str]]  # the instances of the organization, with their tags

    def clean(self) -> dict[str, object]:
        wanted: dict[str, object] = super().clean() or {}
        begin, end = wanted.get("begin"), wanted.get("end")
        if isinstance(begin, datetime) and isinstance(end, datetime) and begin > end:
            self.add_error("begin", "This is later than the end.")
        return wanted

    @property
    def is_filtered(self) -> bool:
        return any(self.cleaned_data.values())

    def named(self) -> dict[str, str]:
        """What is set, in words, by field."""
        choices = {name: dict(getattr(field, "choices", [])) for name, field in self.fields.items()}
        found = {name: value for name, value in self.cleaned_data.items() if value}
        return {
            name: f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else str(choices[name].get(value, value))
            for name, value in found.items()
        }

    @property
    def scope(self) -> list[int]:
        """The instances whose changes may pass."""
        instance, tag = self.cleaned_data["instance"], self.cleaned_data["tag"]
        return [pk for pk, tags in self.own.items() if instance in ("", str(pk)) and (not tag or tag in tags)]

    @property
    def is_one_instance_alone(self) -> bool:
        """Whether one instance is all that it narrows down to."""
        others = [name for name, value in self.cleaned_data.items() if value and name not in ("instance", "tag")]
        return not others and len(self.scope) == 1

    def conditions(self) -> Q:
        """What is asked of a change itself, beside its instance: not the status, which is its event's."""
        wanted = self.cleaned_data
        passes = self._time()
        if wanted["object_id"].endswith("*"):
            passes &= self._prefix(wanted["object_id"].rstrip("*"))
        elif wanted["object_id"]:
            passes &= Q(object_id=wanted["object_id"])
        if wanted["resource"]:
            passes &= Q(object_type=wanted["resource"])
        if wanted["type"]:
            passes &= Q(event_type=wanted["type"])
        return passes

    def _prefix(self, prefix: str) -> Q:
        """Where an index by object pays, `narrowest` has told the changes: SQLite, which keeps no statistics that tell
        when it does, is not to use it here. PostgreSQL knows."""
        if connection.vendor == "sqlite":
            return Q(Exact(Left("object_id", len(prefix)), prefix)) if prefix else Q()
        return Q(object_id__startswith=prefix)

    def narrowest(self) -> Q:
        """The one condition that an index of the instances' changes can find most easily."""
        text: str = self.cleaned_data["object_id"]
        if not text:
            return self._time()
        prefix = text.rstrip("*")
        if prefix == text:
            return Q(object_id=text)
        if connection.vendor == "sqlite":  # its LIKE knows no case, and uses no index
            return Q(object_id__gte=prefix, object_id__lt=prefix + chr(0x10FFFF))
        return Q(object_id__startswith=prefix)

    def _time(self) -> Q:
        wanted = self.cleaned_data
        passes = Q()
        if wanted["span"]:
            passes &= Q(found_at__gte=timezone.now() - SPANS[wanted["span"]])
        if wanted["begin"]:
            passes &= Q(found_at__gte=wanted["begin"])
        if wanted["end"]:
            passes &= Q(found_at__lte=wanted["end"])
        return passes


def of(request: PageRequest) -> Filter:
    """The filter that the URL holds, with the instances and tags of this organization to choose from."""
    form = Filter(request.GET, auto_id="filter-%s", label_suffix="")
    rows = list(access.instances(request).order_by("name", "pk").values_list("pk", "name", "tags"))
    form.own = {pk: tags for pk, _, tags in rows}
    tags = sorted({tag for _, _, tags in rows for tag in tags})
    _offer(form, "instance", "all", [(str(pk), name) for pk, name, _ in rows])
    _offer(form, "tag", "any", [(tag, tag) for tag in tags])
    return form


def _offer(form: Filter, name: str, nothing: str, choices: list[tuple[str, str]]) -> None:
    cast(forms.ChoiceField, form.fields[name]).choices = [("", nothing), *choices]


def links(request: PageRequest) -> list[tuple[str, str, bool]]:
    """The spans of time as links that keep the rest of the filter: name, query string, whether it is the one shown."""
    found = []
    for span, name in SPAN_NAMES.items():
        query = request.GET.copy()
        for gone in ("before", "after", "begin", "end"):
            query.pop(gone, None)
        query["span"] = span
        current = span == request.GET.get("span", "") and not (request.GET.get("begin") or request.GET.get("end"))
        found.append((name, f"?{query.urlencode()}", current))
    return found
