"""Pages of rows, newest first by id: `pageSize`, `page` or `nextPage` (CONTRACT §1)."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from django.core import signing
from django.db.models import Model, QuerySet
from django.http import HttpRequest, JsonResponse
from django.utils.dateparse import parse_datetime
from pydantic import BeforeValidator, WithJsonSchema

from api.endpoint import ApiError, answer
from api.operations import Paging

M = TypeVar("M", bound=Model)
PLACE = ("nextPage", "page", "pageSize")  # a token is tied to what is asked, not to where in it


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


def newest_first(
    request: HttpRequest,
    rows: QuerySet[Any, M],
    paging: Paging,
    as_json: Callable[[M], Any],
    *,
    total: int | None = None,
) -> JsonResponse:
    """One page of `rows`; while there is more, a token for the next one, which new rows neither shift nor repeat.

    `total` is told where it is known cheaply.
    """
    size = paging.page_size
    asked = sorted((name, values) for name, values in request.GET.lists() if name not in PLACE)
    salt = f"newest first {request.path} {asked}"
    rows = rows.order_by("-pk")
    first = (paging.page - 1) * size
    if paging.next_page:
        first = 0
        try:
            rows = rows.filter(pk__lt=signing.loads(paging.next_page, salt=salt))
        except signing.BadSignature:
            raise ApiError(400, "nextPage: is not a token of this list.") from None
    found = list(rows[first : first + size + 1])
    headers = {"Elements-Returned-Count": str(min(len(found), size))}
    if total is not None:
        headers["Elements-Total-Count"] = str(total)
    if len(found) > size:
        headers["Elements-Next-Page-Token"] = signing.dumps(found[size - 1].pk, salt=salt)
    return answer([as_json(row) for row in found[:size]], headers)
