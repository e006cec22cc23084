"""`GET /elements/api-docs`: the OpenAPI document, and, where a browser asks, the same as a page."""

from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from api.authorization import ApiRequest
from api.endpoint import answer
from api.instances import find
from api.openapi import document
from api.operations import operation


@cache
def whole() -> dict[str, Any]:
    """The document of every route; made once, since nothing in it changes while the process lives."""
    from api import urls  # the routes know this view

    return document(urls.urlpatterns, settings.PUBLIC_URL)


@operation("This document: as JSON, or as a page where text/html is asked for", public=True, produces_page=True)
def api_docs(request: ApiRequest) -> HttpResponse:
    if wants_page(request):
        return render(request, "api/docs.html", {"document": whole(), "operations": _rows(whole())})
    return answer(whole())


@cache
def of_resources() -> dict[str, Any]:
    """The document of the hub's resources, by their shorter paths."""
    from api import hub_urls

    short = [pattern for pattern in hub_urls.urlpatterns if not str(pattern.pattern).startswith("hubs/")]
    return document(short, settings.PUBLIC_URL)


@operation("The resources that an instance serves, as an OpenAPI document", answer=dict[str, Any])
def of_instance(request: ApiRequest, instance_id: int | None = None) -> HttpResponse:
    find(request, instance_id)
    return answer(of_resources())


def wants_page(request: HttpRequest) -> bool:
    """Whether a browser asks: clients that name no type, or any, get JSON, as does `format=json`."""
    return "text/html" in request.headers.get("Accept", "") and request.GET.get("format") != "json"


def _rows(shown: dict[str, Any]) -> list[dict[str, Any]]:
    """One row an operation, for the page; those of a tag stand together."""
    rows = [
        {
            "method": method.upper(),
            "path_parts": path.split("/"),  # the page may be too narrow for a whole one
            "summary": operation["summary"],
            "tag": operation["tags"][0],
            "parameters": [f"{each['name']} ({each['in']})" for each in operation["parameters"]],
            "statuses": list(operation["responses"]),
            "public": operation.get("security") == [],
        }
        for path, methods in shown["paths"].items()
        for method, operation in methods.items()
    ]
    tags = list(dict.fromkeys(row["tag"] for row in rows))
    return sorted(rows, key=lambda row: tags.index(row["tag"]))
