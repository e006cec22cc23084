"""Pages of rows, newest first by id: `pageSize`, `page` or `nextPage` (CONTRACT §1)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from django.core import signing
from django.db import connection
from django.db.models import Model, QuerySet
from django.db.models.expressions import RawSQL
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.dateparse import parse_datetime
from pydantic import BeforeValidator, WithJsonSchema

from api.endpoint import ApiError, answer
from api.operations import JSON, Paging

M = TypeVar("M", bound=Model)
R = TypeVar("R")
PAGE_PARAMETERS = ("nextPage", "page", "pageSize")  # a token is tied to what is asked, not to where in it


def _moment(text: Any) -> Any:
    """Raises ValueError for what is neither ISO 8601 nor epoch milliseconds."""
    if isinstance(text, datetime):
        return text
    problem = "must be a moment as ISO 8601 or in milliseconds"
    try:
        if isinstance(text, int) or (isinstance(text, str) and text.isascii() and text.isdigit()):
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        moment = parse_datetime(text.replace(" ", "+"))  # an offset's plus sign, unless encoded, arrives as a blank
    except (ValueError, OverflowError, OSError, AttributeError):
        raise ValueError(problem) from None
    if moment is None:
        raise ValueError(problem)
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise ValueError(problem) from None


# ISO 8601 (UTC where no zone is named), or milliseconds since 1970.
Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "description": "ISO 8601, or milliseconds since 1970"}),
]


@dataclass(frozen=True)
class Place:
    """Where in a list of rows, newest first by primary key, a page begins; and the salt of the list's tokens."""

    size: int
    first: int
    salt: str

    def token(self, last_pk: int) -> str:
        """For the page behind the row `last_pk`; new rows neither shift it nor make it repeat."""
        return signing.dumps(last_pk, salt=self.salt)


def place(request: HttpRequest, rows: QuerySet[Any, R], paging: Paging) -> tuple[QuerySet[Any, R], Place]:
    """The rows from the page on, in order, and where that is. Raises ApiError for a token of another list."""
    asked = sorted((name, values) for name, values in request.GET.lists() if name not in PAGE_PARAMETERS)
    found = Place(paging.page_size, (paging.page - 1) * paging.page_size, f"newest first {request.path} {asked}")
    rows = rows.order_by("-pk")
    if not paging.next_page:
        return rows, found
    try:
        return rows.filter(pk__lt=signing.loads(paging.next_page, salt=found.salt)), replace(found, first=0)
    except signing.BadSignature:
        raise ApiError(400, "nextPage: is not a token of this list.") from None


def newest_first_as_text(
    request: HttpRequest, rows: QuerySet[Any, Any], paging: Paging, json_text: RawSQL
) -> HttpResponse:
    """As `newest_first`, of rows that the database writes as JSON, and hands over as one text.

    A row that is fetched gives the interpreter away and waits to get it back; of 200 that costs more than the rest.
    """
    rows, found = place(request, rows, paging)
    page = rows.values_list("pk", json_text)[found.first : found.first + found.size]
    sql, params = page.query.sql_with_params()
    join = "string_agg" if connection.vendor == "postgresql" else "group_concat"
    with connection.cursor() as cursor:
        cursor.execute(  # nothing of a request is in the text, but as a parameter
            f"WITH page (pk, text) AS ({sql}) SELECT count(*), min(pk), {join}(text, ', ') FROM page",  # noqa: S608
            params,
        )
        count, last_pk, text = cursor.fetchone()
    headers = {"Elements-Returned-Count": str(count)}
    if count == found.size and rows.filter(pk__lt=last_pk).exists():
        headers["Elements-Next-Page-Token"] = found.token(last_pk)
    return HttpResponse(f"[{text or ''}]", content_type=JSON, headers=headers)


def newest_first(
    request: HttpRequest,
    rows: QuerySet[M],
    paging: Paging,
    as_json: Callable[[M], Any],
    *,
    total: int | None = None,
) -> JsonResponse:
    """One page of `rows`, newest first, and while there is more, a token for the next one.

    `total` is told where it is known cheaply.
    """
    rows, found = place(request, rows, paging)
    page = list(rows[found.first : found.first + found.size + 1])
    headers = {"Elements-Returned-Count": str(min(len(page), found.size))}
    if total is not None:
        headers["Elements-Total-Count"] = str(total)
    if len(page) > found.size:
        headers["Elements-Next-Page-Token"] = found.token(page[found.size - 1].pk)
    return answer([as_json(row) for row in page[: found.size]], headers)
