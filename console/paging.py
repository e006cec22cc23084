"""Pages of rows, newest first by id. Where a page begins is the id of a row, so rows that come in shift nothing."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest, QueryDict

SIZE = 50
M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Page(Generic[M]):
    """One page, with the query strings that lead on; empty where there is nothing further."""

    rows: list[M]
    newer: str = ""
    older: str = ""
    newest: str = ""


def newest_first(request: HttpRequest, rows: QuerySet[M], size: int = SIZE) -> Page[M]:
    """The page that `before` or `after` in the URL names: rows older, or newer, than that id; else the newest."""
    before, after = number(request, "before"), number(request, "after")
    if after is not None:
        found = list(rows.filter(pk__gt=after).order_by("pk")[: size + 1])
        shown = found[:size][::-1]
        newer = _link(request, after=shown[0].pk) if len(found) > size else ""
        older = _link(request, before=shown[-1].pk if shown else after + 1)
        return Page(shown, newer, older, newest=_link(request))
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-pk")[: size + 1])
    shown = found[:size]
    older = _link(request, before=shown[-1].pk) if len(found) > size else ""
    if before is None:
        return Page(shown, older=older)
    return Page(shown, _link(request, after=shown[0].pk if shown else before - 1), older, newest=_link(request))


def number(request: HttpRequest, name: str) -> int | None:
    """An id out of the URL; what is none counts as absent."""
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _link(request: HttpRequest, **position: int) -> str:
    """The query string of this page with another position, its filters kept."""
    query: QueryDict = request.GET.copy()
    for name in ("before", "after"):
        query.pop(name, None)
    for name, value in position.items():
        query[name] = str(value)
    return f"?{query.urlencode()}"
