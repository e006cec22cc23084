"""Who did what from where, for administrators."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.models import AuditEntry
from console import paging
from console.access import PageRequest, admins_page


@require_safe
@admins_page
def listing(request: PageRequest) -> HttpResponse:
    rows = AuditEntry.objects.filter(organization=request.user.organization_id)
    return render(request, "console/audit_log.html", {"page": paging.newest_first(request, rows)})
