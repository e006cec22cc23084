"""The account: who one is, and what an organization decides for all of its instances."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from console.access import PageRequest, page


@require_safe
@page
def show(request: PageRequest) -> HttpResponse:
    return render(request, "console/account.html")
