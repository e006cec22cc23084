"""What the hub tells about itself."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from console.access import PageRequest, page


@require_safe
@page
def index(request: PageRequest) -> HttpResponse:
    return render(request, "console/help.html")
