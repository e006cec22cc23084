"""The hub's readable resources, by their URLs: which of Act-On's calls answers each, and how records come of it.

API and poller read through this same layer (CONTRACT §7). Nothing here touches the database, so that it may run in
any thread.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.conf import settings

from elements import ceql
from elements.acton import resources
from elements.acton.exceptions import ActOnError
from elements.acton.resources import MOST_A_PAGE, Access, Page, Record
from elements.ceql import All, Comparison, Expression

EVERY_LIST = "{listId}"
# The date that each of Act-On's bounds stands for, and how a record's own date compares with it.
BOUNDS = {
    "modafter": ("__modified_date", ">="),
    "modbefore": ("__modified_date", "<"),
    "createdafter": ("__created_date", ">="),
    "createdbefore": ("__created_date", "<"),
}


@dataclass(frozen=True)
class Collection:
    """One kind of readable list. `path` is the hub's, `act_on` Act-On's; names in braces stand for ids."""

    name: str
    path: str
    act_on: str
    params: dict[str, str] = field(default_factory=dict)

    @property
    def is_contacts(self) -> bool:
        return self.name == "contacts"

    def match(self, path: str) -> dict[str, str] | None:
        """The ids that stand in the path; None where it is another resource's."""
        found = _expression(self.path).fullmatch(path)
        return found.groupdict() if found else None


@cache
def _expression(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))


COLLECTIONS = [
    Collection("lists", "/lists", "/api/1/list", {"listingtype": "contact_list"}),
    Collection("hardbounce", "/lists/hardbounce", "/api/1/list/hardbounce"),
    Collection("spamcomplaint", "/lists/spamcomplaint", "/api/1/list/spamcomplaint"),
    Collection("contacts", "/lists/{listId}/contacts", "/api/1/list/{listId}", {"datequalifiers": "true"}),
    Collection("optouts", "/optouts", "/api/1/list/optout"),
    Collection("subscription-types", "/subscription-types", "/api/1/subscription/category"),
    Collection("campaigns", "/campaigns", "/api/1/message"),
    Collection("reports", "/campaigns/{id}/reports", "/api/1/message/{id}/report"),
    Collection("reports", "/campaigns/{id}/reports/{drilldown}", "/api/1/message/{id}/report/{drilldown}"),
    Collection("pages", "/pages", "/api/1/page"),
    Collection("reports", "/pages/{id}/reports", "/api/1/page/{id}/report"),
    Collection("forms", "/forms", "/api/1/form"),
    Collection("reports", "/forms/{id}/reports", "/api/1/form/{id}/report"),
    Collection("programs", "/programs", "/api/1/program"),
    Collection("accounts", "/accounts", "/api/1/account/senders"),
]


@dataclass(frozen=True)
class Source:
    """A hub URL, taken apart: what is asked of Act-On, and what the hub itself filters."""

    collection: Collection
    ids: dict[str, str]
    bounds: dict[str, int]  # what Act-On filters by, in ms; contacts only
    rest: Expression | None  # what the hub filters; None: nothing
    fields: list[str]  # which fields are wanted; none: all

    @property
    def is_every_list(self) -> bool:
        return self.ids.get("listId") == EVERY_LIST

    @property
    def list_id(self) -> str:
        """The one list that is named; empty for what is of no list."""
        return self.ids.get("listId", "")

    def matches(self, record: Record) -> bool:
        """Whether the hub's own filter lets the record pass."""
        return self.rest is None or ceql.matches(self.rest, finder(record))

    def read(self, access: Access, offset: int, count: int = MOST_A_PAGE, *, list_id: str = "") -> Page:
        """One page as Act-On has it, unfiltered by the hub. Raises ActOnError.

        `list_id` takes the place of `{listId}`. A collection that Act-On answers whole is one page, whatever `count`.
        """
        path, params = self.request(offset, count, list_id=list_id)
        answer = resources.get(access, path, params)
        records = records_of(answer.body)
        total = answer.body.get("totalCount") if isinstance(answer.body, dict) else None
        return Page(records, offset, total if isinstance(total, int) else offset + len(records), answer.date)

    def request(self, offset: int, count: int = MOST_A_PAGE, *, list_id: str = "") -> tuple[str, dict[str, str]]:
        """Path and query of Act-On's call for one page."""
        ids = self.ids | ({"listId": list_id} if self.is_every_list else {})
        path = resources.path_of(self.collection.act_on, ids)
        params = {**self.collection.params, "count": str(count), "offset": str(offset)}
        unit_ms = 1 if settings.ACTON_DATE_UNIT == "ms" else 1000
        params |= {name: str(ms // unit_ms) for name, ms in self.bounds.items()}
        return path, params

    def shown(self, record: Record) -> Record:
        """The record with the wanted fields alone."""
        return {name: record.get(name) for name in self.fields} if self.fields else record


def finder(record: Record) -> Callable[[str], Any]:
    """Finds a value at a dotted path; a key that holds the dots itself comes first."""

    def find(path: str) -> Any:
        if path in record:
            return record[path]
        value: Any = record
        for key in path.split("."):
            if not isinstance(value, dict):
                return None
            value = value.get(key)
        return value

    return find


def source_of(url: str) -> Source:
    """The source that a hub URL names. Raises ValueError for another resource, or a query that cannot be read."""
    parts = urlsplit(url)
    path = re.sub(r"^/hubs/[^/]+(?=/)", "", parts.path)
    query = {name: value for name, value in parse_qsl(parts.query) if value.strip()}
    for collection in COLLECTIONS:
        ids = collection.match(path)
        if ids is not None:
            return source(collection, ids, query.get("where", ""), query.get("fields", ""))
    known = ", ".join(sorted({collection.path for collection in COLLECTIONS}))
    raise ValueError(f"cannot read {parts.path!r}: the resources are {known}")


def source(collection: Collection, ids: dict[str, str], where: str, fields: str) -> Source:
    """Raises ValueError for an id that cannot be one, and a `where` that cannot be read."""
    resources.path_of(collection.act_on, ids)
    expression = ceql.parse(where) if where.strip() else None
    bounds: dict[str, int] = {}
    if collection.is_contacts and expression is not None:
        bounds, expression = pushed_down(expression)
    wanted = [name.strip() for name in fields.split(",") if name.strip()]
    return Source(collection, ids, bounds, expression, wanted)


def pushed_down(expression: Expression) -> tuple[dict[str, int], Expression | None]:
    """What Act-On filters itself (ms, by its own names), and what is left to the hub. Raises ValueError.

    A bound on a date column goes to Act-On too, which includes the moment itself; so it is left to the hub as well.
    """
    parts = expression.parts if isinstance(expression, All) else (expression,)
    bounds: dict[str, int] = {}
    rest: list[Expression] = []
    for part in parts:
        found = _bound(part)
        if found is not None:
            name, ms = found
            tightest = min if name.endswith("before") else max
            bounds[name] = tightest(ms, bounds.get(name, ms))
        if found is None or _is_of_column(part):
            rest.append(_with_columns(part))
    return bounds, None if not rest else rest[0] if len(rest) == 1 else All(tuple(rest))


def _is_of_column(part: Expression) -> bool:
    return isinstance(part, Comparison) and part.field.lower() not in BOUNDS


def _bound(part: Expression) -> tuple[str, int] | None:
    if not isinstance(part, Comparison):
        return None
    name = part.field.lower()
    if name in BOUNDS:
        return name, _milliseconds(part)
    for bound, (column, _) in BOUNDS.items():
        after = bound.endswith("after")
        if part.field == column and part.sign in ((">", ">=") if after else ("<",)) and str(part.value).isdigit():
            return bound, _milliseconds(part)
    return None


def _milliseconds(part: Comparison) -> int:
    text = str(part.value)
    if part.sign not in ("=", ">", ">=", "<") or not text.isascii() or not text.isdigit() or len(text) > 18:
        raise ValueError(f"{part.field}: expected = and milliseconds, not {part.sign} {text!r}")
    return int(text)


def _with_columns(part: Expression) -> Expression:
    """The same with Act-On's bounds spelled as comparisons of the date columns, wherever they stand."""
    if isinstance(part, Comparison) and part.field.lower() in BOUNDS:
        column, sign = BOUNDS[part.field.lower()]
        return Comparison(column, sign, str(_milliseconds(part)))
    if isinstance(part, ceql.All | ceql.Either):
        return type(part)(tuple(_with_columns(each) for each in part.parts))
    if isinstance(part, ceql.Not):
        return ceql.Not(_with_columns(part.part))
    return part


def records_of(body: Any) -> list[Record]:
    """The records of an answer of Act-On's, in whichever of its shapes. Raises ActOnError for none of them."""
    if isinstance(body, dict) and isinstance(body.get("headers"), list):
        return [resources.contact(body["headers"], row) for row in resources.rows_at(body, "data")]
    found: Any = body
    if isinstance(body, dict):
        lists = [value for value in body.values() if isinstance(value, list)]
        found = body.get("result") if isinstance(body.get("result"), list) else lists[0] if lists else [body]
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise ActOnError("Act-On's answer holds no records", status=200)
    return [_with_ids(row) for row in found]


def _with_ids(row: Record) -> Record:
    """A campaign's id goes by two names (CONTRACT §7)."""
    if "msg_id" in row or "id" in row:
        both = row.get("id", row.get("msg_id"))
        return row | ({"id": both} if "id" not in row else {})
    return row
