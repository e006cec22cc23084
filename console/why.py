"""The page "Why did it not arrive?": an object id in, its story over the organization's instances out."""

import json
from datetime import UTC, datetime
from typing import Any, cast

from django import forms
from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from acton_hub import masking
from api.acton import ask
from console import access, records, story
from console.access import PageRequest, noted, operators_page, page
from console.event_filter import Moment
from console.story import Question
from elements.acton import resources
from elements.acton.exceptions import ActOnError
from events.models import Change, TrackedObject
from instances.models import Instance
from polling.detection import usable_id

MOST_INSTANCES = 20
NOT_OF_THE_LIST = ("id", "__created_date", "__modified_date")  # what a download adds to a record's own cells


class Asked(forms.Form):
    object_id = forms.CharField(
        label="Object id", max_length=300, widget=forms.TextInput(attrs={"placeholder": "l-0001:12"}),
        help_text="As the events carry it. A contact's names its list: <list>:<number>.",
    )  # fmt: skip
    instance = forms.ChoiceField(required=False, help_text="Leave open to look through all of them.")
    changed = forms.DateTimeField(
        label="Changed (UTC)", required=False, widget=Moment,
        help_text="When it changed in Act-On, if you know: then positions are compared with it.",
    )  # fmt: skip

    def clean_object_id(self) -> str:
        try:
            return usable_id(self.cleaned_data["object_id"].strip())
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None

    @property
    def question(self) -> Question:
        changed: datetime | None = self.cleaned_data["changed"]
        ms = int(changed.astimezone(UTC).timestamp() * 1000) if changed else None
        return Question(self.cleaned_data["object_id"], ms)


@require_safe
@page
def show(request: PageRequest) -> HttpResponse:
    return render(request, "console/why.html", _answered(request, request.GET.dict()))


@require_POST
@operators_page
@noted("Ask Act-On for a record")
def look(request: PageRequest) -> HttpResponse:
    """Ask Act-On for the record: one call, counted like any other."""
    given = request.POST.dict()
    context = _answered(request, given)
    if not context["stories"]:
        return render(request, "console/why.html", context, status=400)
    instance = access.instance(request, access.id_of(str(given.get("at", ""))))
    request.audit_target = reverse("console:instance", args=[instance.pk])
    return render(request, "console/why.html", context | {"look": _looked(instance, context["question"])})


def _answered(request: PageRequest, given: dict[str, Any]) -> dict[str, Any]:
    form = Asked(given if "object_id" in given else None, auto_id="why-%s", label_suffix="")
    own = access.instances(request).select_related("connection", "subscription", "user").order_by("name", "pk")
    names = list(own.values_list("pk", "name"))
    choices = [("", "all"), *((str(pk), name) for pk, name in names)]
    cast(forms.ChoiceField, form.fields["instance"]).choices = choices
    context: dict[str, Any] = {"form": form, "stories": [], "none": not names}
    if not (form.is_bound and form.is_valid()):
        return context
    question, chosen = form.question, form.cleaned_data["instance"]
    ids = [int(chosen)] if chosen else _likeliest([pk for pk, _ in names], question)
    stories = story.of(list(own.filter(pk__in=ids)), question, timezone.now())
    return context | {"question": question, "stories": stories, "left_out": 0 if chosen else len(names) - len(ids)}


def _likeliest(ids: list[int], question: Question) -> list[int]:
    """The instances to be looked into: those that know the object, then others."""
    if len(ids) <= MOST_INSTANCES:
        return ids
    found = Change.objects.filter(instance__in=ids, object_id=question.object_id).order_by()
    knowing = set(found.values_list("instance", flat=True)[:1000])
    tracked = TrackedObject.objects.filter(poller__instance__in=ids, object_id=question.object_id)
    knowing |= set(tracked.values_list("poller__instance", flat=True))
    return sorted(ids, key=lambda pk: pk not in knowing)[:MOST_INSTANCES]


def _looked(instance: Instance, question: Question) -> dict[str, Any]:
    """What Act-On says of the record just now."""
    ids = {"list_id": question.list_id, "object_id": question.object_id}
    try:
        path = resources.path_of("/api/1/list/{list_id}/record/{object_id}", ids)
    except ValueError as error:
        return {"instance": instance, "path": "", "at": timezone.now(), "error": str(error)}
    told: dict[str, Any] = {"instance": instance, "path": f"GET {path}", "at": timezone.now()}
    try:
        answer = ask(instance, lambda call: resources.get(call, path, {}))
    except ActOnError as error:
        return told | {"error": str(error)}
    cells = answer.body if isinstance(answer.body, list) else [answer.body]
    if fields := _compared(instance, question, cells):
        return told | {"fields": fields, "differs": sum(field.changed for field in fields)}
    # Cells come without the names of their fields: where some are masked, all of them are.
    return told | {"cells": [masking.MASK for _ in cells] if settings.MASKED_FIELDS else cells}


def _compared(instance: Instance, question: Question, cells: list[Any]) -> list[records.Field]:
    """The cells by the names of the record as it was seen last, beside what they were then; empty where it never was,
    or has other fields by now."""
    seen = TrackedObject.objects.filter(poller__instance=instance, object_id=question.object_id).first()
    last = json.loads(seen.record) if seen and seen.record else {}
    names = [name for name in last if name not in NOT_OF_THE_LIST]
    if len(names) != len(cells):
        return []
    now = dict(zip(names, cells, strict=True))
    before = {name: last[name] for name in names if last[name] != now[name]}
    return records.fields(json.dumps(now), json.dumps(before))
