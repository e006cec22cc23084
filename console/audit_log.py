"""Who did what from where, for administrators."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts import audit
from accounts.models import AuditEntry
from console import paging
from console.access import PageRequest, admins_page
from console.event_filter import Moment

KINDS = {
    "log-in": ("log-ins", {"action__startswith": "log "}),
    "console": ("what was done in the console", {"action__startswith": audit.CONSOLE}),
    "command": ("what was done from the command line", {"address": ""}),
}


class Filter(forms.Form):
    """Each part is optional. Moments are in UTC."""

    who = forms.CharField(label="Who", max_length=254, required=False)
    did = forms.CharField(label="Did, or to what", max_length=200, required=False)
    kind = forms.ChoiceField(
        label="Kind", required=False, choices=[("", "any"), *((key, words) for key, (words, _) in KINDS.items())]
    )
    since = forms.DateTimeField(label="From (UTC)", required=False, widget=Moment)
    until = forms.DateTimeField(label="To (UTC)", required=False, widget=Moment)

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        since, until = given.get("since"), given.get("until")
        if since and until and since > until:
            self.add_error("since", "This is later than the end.")
        return given

    def apply(self, entries: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        """The entries that pass; none where a part of the filter cannot be used."""
        if not self.is_valid():
            return entries.none()
        wanted = self.cleaned_data
        if wanted["who"]:
            entries = entries.filter(who__icontains=wanted["who"])
        if wanted["did"]:
            entries = entries.filter(action__icontains=wanted["did"]) | entries.filter(target__icontains=wanted["did"])
        if wanted["kind"]:
            entries = entries.filter(**KINDS[wanted["kind"]][1])
        if wanted["since"]:
            entries = entries.filter(at__gte=wanted["since"])
        if wanted["until"]:
            entries = entries.filter(at__lte=wanted["until"])
        return entries


@require_safe
@admins_page
def listing(request: PageRequest) -> HttpResponse:
    form = Filter(request.GET, auto_id="filter-%s", label_suffix="")
    rows = form.apply(AuditEntry.objects.filter(organization=request.user.organization_id))
    context = {
        "form": form,
        "filtered": any(request.GET.get(name) for name in form.fields),
        "page": paging.newest_first(request, rows),
    }
    return render(request, "console/audit_log.html", context)
