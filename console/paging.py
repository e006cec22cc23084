"""Pages of rows, newest first by id. Where a page begins is the id of a row, so rows that come in shift nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest, QueryDict

SIZE = 50
M = TypeVar("M", bound=Model)
T = TypeVar("T")
# How many at most, before or after which id → the rows next to that place, newest first.
Find = Callable[[int, int | None, int | None], list[T]]


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page, with the query strings that lead on; empty where there is nothing further."""

    rows: list[T]
    newer: str = ""
    older: str = ""
    newest: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether it holds all rows that there are."""
        return not (self.newest or self.older)


def newest_first(request: HttpRequest, rows: QuerySet[M], size: int | None = None) -> Page[M]:
    """The page that `before` or `after` in the URL names: rows older, or newer, than that id; else the newest."""

    def find(most: int, before: int | None, after: int | None) -> list[M]:
        if after is not None:
            return list(rows.filter(pk__gt=after).order_by("pk")[:most])[::-1]
        found = rows if before is None else rows.filter(pk__lt=before)
        return list(found.order_by("-pk")[:most])

    return page(request, find, lambda row: row.pk, size or SIZE)


def page(request: HttpRequest, find: Find[T], id_of: Callable[[T], int], size: int | None = None) -> Page[T]:
    """The same of whatever `find` finds."""
    size = size or SIZE
    before, after = number(request, "before"), number(request, "after")
    if after is not None:
        found = find(size + 1, None, after)
        shown = found[-size:]
        newer = _link(request, after=id_of(shown[0])) if len(found) > size else ""
        older = _link(request, before=id_of(shown[-1]) if shown else after + 1)
        return Page(shown, newer, older, newest=_link(request))
    found = find(size + 1, before, None)
    shown = found[:size]
    older = _link(request, before=id_of(shown[-1])) if len(found) > size else ""
    if before is None:
        return Page(shown, older=older)
    newer = _link(request, after=id_of(shown[0]) if shown else before - 1)
    return Page(shown, newer, older, newest=_link(request))


def number(request: HttpRequest, name: str) -> int | None:
    """An id out of the URL; what is none counts as absent."""
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def query_of(request: HttpRequest, *left_out: str) -> str:
    """The query string of this page without where in the log it is, and without what is left out."""
    query: QueryDict = request.GET.copy()
    for name in ("before", "after", *left_out):
        query.pop(name, None)
    return query.urlencode()


def _link(request: HttpRequest, **position: int) -> str:
    """The query string of this page with another position, its filters kept."""
    place = "&".join(f"{name}={value}" for name, value in position.items())
    return "?" + "&".join(part for part in (query_of(request), place) if part)
