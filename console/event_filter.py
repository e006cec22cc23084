"""What the URL of the event log may narrow down, so that a view of it can be shared."""

from datetime import datetime, timedelta
from typing import cast

from django import forms
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from console import access
from console.access import PageRequest
from events.models import Change, Delivery, EventStatus, EventType
from instances.models import Instance

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

    instance = forms.ModelChoiceField(queryset=Instance.objects.none(), required=False, empty_label="all")
    tag = forms.ChoiceField(required=False)
    resource = forms.CharField(max_length=200, required=False)
    type = forms.ChoiceField(choices=[("", "any"), *((kind.value, kind.value) for kind in EventType)], required=False)
    status = forms.ChoiceField(choices=STATUSES, required=False)
    object_id = forms.CharField(
        max_length=300, required=False, widget=forms.TextInput(attrs={"placeholder": "l-0001:12 or l-0001:*"})
    )
    span = forms.ChoiceField(label="Time", choices=list(SPAN_NAMES.items()), required=False)
    begin = forms.DateTimeField(label="From (UTC)", required=False, widget=Moment)
    end = forms.DateTimeField(label="To (UTC)", required=False, widget=Moment)

    def clean(self) -> dict[str, object]:
        wanted: dict[str, object] = super().clean() or {}
        begin, end = wanted.get("begin"), wanted.get("end")
        if isinstance(begin, datetime) and isinstance(end, datetime) and begin > end:
            self.add_error("begin", "This is later than the end.")
        return wanted

    def apply(self, changes: QuerySet[Change]) -> QuerySet[Change]:
        """The changes that pass; none where a part of the filter cannot be used."""
        if not self.is_valid():
            return changes.none()
        wanted = self.cleaned_data
        if wanted["instance"]:
            changes = changes.filter(instance=wanted["instance"])
        if wanted["tag"]:
            changes = changes.filter(instance__in=self.tagged[wanted["tag"]])
        if wanted["resource"]:
            changes = changes.filter(object_type=wanted["resource"])
        if wanted["type"]:
            changes = changes.filter(event_type=wanted["type"])
        if wanted["object_id"].endswith("*"):
            changes = changes.filter(object_id__startswith=wanted["object_id"].rstrip("*"))
        elif wanted["object_id"]:
            changes = changes.filter(object_id=wanted["object_id"])
        return self._by_status(self._by_time(changes))

    def _by_time(self, changes: QuerySet[Change]) -> QuerySet[Change]:
        wanted = self.cleaned_data
        if wanted["span"]:
            changes = changes.filter(found_at__gte=timezone.now() - SPANS[wanted["span"]])
        if wanted["begin"]:
            changes = changes.filter(found_at__gte=wanted["begin"])
        if wanted["end"]:
            changes = changes.filter(found_at__lte=wanted["end"])
        return changes

    def _by_status(self, changes: QuerySet[Change]) -> QuerySet[Change]:
        status = self.cleaned_data["status"]
        if status in EventStatus.values:
            return changes.filter(event__status=status)
        if status:
            deliveries = Delivery.objects.filter(notification__event=OuterRef("event"), status=status)
            return changes.filter(Exists(deliveries))
        return changes

    tagged: dict[str, list[int]]  # the instances of each tag


def of(request: PageRequest) -> Filter:
    """The filter that the URL holds, with the instances and tags of this organization to choose from."""
    form = Filter(request.GET, auto_id="filter-%s", label_suffix="")
    own = access.instances(request)
    cast("forms.ModelChoiceField[Instance]", form.fields["instance"]).queryset = own.only("name").order_by("name", "pk")
    form.tagged = {}
    for pk, tags in own.values_list("pk", "tags"):
        for tag in tags:
            form.tagged.setdefault(tag, []).append(pk)
    cast(forms.ChoiceField, form.fields["tag"]).choices = [("", "any"), *((tag, tag) for tag in sorted(form.tagged))]
    return form
