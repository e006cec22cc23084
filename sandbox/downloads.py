"""Reading lists as Act-On answers it: the parameters of a download, and the shape of its answer (CONTRACT §8)."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from sandbox.models import Account, Contact, ContactList
from sandbox.rows import ID_HEADER, email_column

MOST_ROWS = 1000
DEFAULT_ROWS = 100
LARGEST = 2**62
ORDERS: dict[str, tuple[str, ...]] = {
    Account.Ordering.ID: ("record",),
    Account.Ordering.CHANGED_OLDEST: ("modified_ms", "record"),
    Account.Ordering.CHANGED_NEWEST: ("-modified_ms", "-record"),
    Account.Ordering.NAME: ("email", "record"),
}
# Whether a bound itself belongs to what it selects is not documented: after includes it, before does not.
BOUNDS = {
    "modafter": "modified_ms__gte",
    "modbefore": "modified_ms__lt",
    "createdafter": "created_ms__gte",
    "createdbefore": "created_ms__lt",
}


class BadParameter(ValueError):
    """A parameter that cannot be used; the text names it."""


@dataclass(frozen=True)
class Download:
    """The parameters of a list download, checked."""

    offset: int
    count: int
    bounds: dict[str, int]  # look-up on a contact's dates → ms
    fields: list[str]  # none: every column
    date_columns: bool
    as_csv: bool


def read_download(query: Mapping[str, str], *, dates_in_seconds: bool) -> Download:
    """Raises BadParameter. An empty parameter counts as absent."""
    given = {name.lower(): value.strip() for name, value in query.items() if value.strip()}
    unit_ms = 1000 if dates_in_seconds else 1
    fields = [name.strip() for name in given.get("fields", "").split(";") if name.strip()]
    date_columns = given.get("datequalifiers", "").lower() in ("true", "1", "yes")
    if fields and date_columns:
        raise BadParameter("datequalifiers cannot be combined with fields")
    response_format = given.get("responseformat", "json").lower()
    if response_format not in ("json", "csv"):
        raise BadParameter("responseformat must be JSON or CSV")
    return Download(
        offset=read_number(given, "offset", 0),
        count=min(read_number(given, "count", DEFAULT_ROWS), MOST_ROWS),
        bounds={
            look_up: min(read_number(given, name, 0) * unit_ms, LARGEST)
            for name, look_up in BOUNDS.items()
            if name in given
        },
        fields=fields,
        date_columns=date_columns,
        as_csv=response_format == "csv",
    )


def read_number(given: Mapping[str, str], name: str, default: int) -> int:
    """A whole number that is not negative. Raises BadParameter."""
    text = given.get(name, "") or str(default)
    if not text.isascii() or not text.isdigit() or int(text[:20]) > LARGEST:
        raise BadParameter(f"{name} must be a whole number")
    return int(text)


def chosen(contact_list: ContactList, bounds: dict[str, int]) -> QuerySet[Contact]:
    """The contacts within the bounds, in the order of the account."""
    order = ORDERS[contact_list.account.ordering]
    return Contact.objects.filter(contact_list=contact_list, **bounds).order_by(*order)


def download(contact_list: ContactList, wanted: Download) -> dict[str, Any]:
    """The body of a list download. Raises BadParameter for a field that the list has not."""
    columns = _columns(contact_list.headers, wanted.fields)
    selected = chosen(contact_list, wanted.bounds)
    page = selected[wanted.offset : wanted.offset + wanted.count].values_list(
        "record", "cells", "created_ms", "modified_ms"
    )
    data = []
    for record, cells, created_ms, modified_ms in page:
        row = [f"{contact_list.list_id}:{record}", *(cells[place] for place in columns)]
        data.append([*row, str(created_ms), str(modified_ms)] if wanted.date_columns else row)
    headers = [ID_HEADER, *(contact_list.headers[place] for place in columns)]
    if wanted.date_columns:
        headers += date_headers(contact_list.account)
    return {
        "listId": contact_list.list_id,
        "offset": wanted.offset,
        "count": len(data),
        "totalCount": selected.count(),
        "emailColumn": email_column(headers),
        "headers": headers,
        "data": data,
    }


def _columns(headers: Sequence[str], fields: Sequence[str]) -> list[int]:
    for name in fields:
        if name not in headers and name != ID_HEADER:
            raise BadParameter(f"fields names {name}, which is no column of this list")
    return [headers.index(name) for name in fields if name != ID_HEADER] if fields else list(range(len(headers)))


def date_headers(account: Account) -> list[str]:
    """The two date columns, in the spelling of the account."""
    underscores = "__" if account.date_columns == Account.DateColumns.UNDERSCORED else ""
    return [f"{underscores}created_date", f"{underscores}modified_date"]


def as_csv(body: dict[str, Any]) -> str:
    """A download as comma separated values, headers first."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(body["headers"])
    writer.writerows(body["data"])
    return text.getvalue()


def list_row(contact_list: ContactList, size: int) -> dict[str, Any]:
    """One row of the list of lists."""
    return {
        "id": contact_list.list_id,
        "name": contact_list.name,
        "folderName": "Contacts",
        "size": size,
        "sourceSize": size,
        "tsCreated": contact_list.created_ms,
        "tsLastModified": contact_list.modified_ms,
        "tsLastCounted": contact_list.modified_ms,
        "status": "",
    }
