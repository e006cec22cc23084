"""The hub's resources, as Act-On answers them: a hub URL goes in, records come out (CONTRACT §7).

Nothing here touches the database, so that it may run in any thread.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from elements.acton import client, lateness
from elements.acton.exceptions import ActOnError

MOST_A_PAGE = 1000  # Act-On's `count`
# Act-On's spellings of the two date columns, by the names that the hub gives them.
_DATE_COLUMNS = {
    **dict.fromkeys(("__created_date", "_created_date", "created_date", "createddate"), "__created_date"),
    **dict.fromkeys(("__modified_date", "_modified_date", "modified_date", "modifieddate"), "__modified_date"),
}
Record = dict[str, Any]
# What `/objects` tells, and the metadata of the element (CONTRACT §7).
NAMES = [
    "accounts", "campaigns", "contacts", "forms", "hardbounce", "lists", "optouts", "pages", "programs",
    "spamcomplaint", "subscription-types",
]  # fmt: skip


@dataclass(frozen=True)
class Access:
    """One call that was reserved: whom to ask, with which token, and not before which moment (monotonic seconds)."""

    api_url: str
    token: str
    leave_at: float | None = None


@dataclass(frozen=True)
class Page:
    records: list[Record]
    offset: int
    total: int
    date: datetime | None  # Act-On's clock when it answered, if it told


def path_of(template: str, ids: dict[str, str]) -> str:
    """Act-On's path with the ids in it. Raises ValueError for one that would lead out of its place in the path."""
    for name, value in ids.items():
        if value in (".", ".."):
            raise ValueError(f"{name}: {value!r} is no id")
    return template.format(**{name: quote(value, safe=":") for name, value in ids.items()})


def get(access: Access, path: str, params: dict[str, str]) -> client.Answer:
    """One GET below Act-On's host, when its reserved moment has come. Raises SlotMissed when that was too long ago."""
    lateness.leave(access.leave_at)
    return client.request("GET", f"{access.api_url}{path}", token=access.token, params=params)


def send(access: Access, method: str, path: str, params: dict[str, str], **body: Any) -> client.Answer:
    """One call with a body (`json_body`, `form` or `upload`); otherwise like `get`."""
    lateness.leave(access.leave_at)
    return client.request(method, f"{access.api_url}{path}", token=access.token, params=params, **body)


def lists(access: Access, *, offset: int = 0, count: int = MOST_A_PAGE) -> Page:
    """The account's contact lists: rows with `id`, `name` and `tsLastModified` (ms, Act-On's clock)."""
    answer = get(access, "/api/1/list", {"listingtype": "contact_list", "count": str(count), "offset": str(offset)})
    rows = rows_at(answer.body, "result")
    if not all(isinstance(row, dict) and isinstance(row.get("id"), str) for row in rows):
        raise ActOnError("Act-On's list of lists has a row without id", status=200)
    return Page(rows, offset, _total(answer.body, offset + len(rows)), answer.date)


def rows_at(body: Any, key: str) -> list[Any]:
    """The rows under that key. Raises ActOnError where there are none."""
    rows = body.get(key) if isinstance(body, dict) else None
    if not isinstance(rows, list):
        raise ActOnError(f"Act-On's answer has no {key}", status=200)
    return rows


def _total(body: dict[str, Any], at_least: int) -> int:
    total = body.get("totalCount")
    return total if isinstance(total, int) else at_least


def contact(headers: list[str], row: Any) -> Record:
    """A row of a list, keyed by the list's headers (CONTRACT §7). Raises ActOnError where both do not fit."""
    if not isinstance(row, list) or len(row) != len(headers):
        raise ActOnError(f"Act-On's list download has a row that does not fit its {len(headers)} headers", status=200)
    record = {_DATE_COLUMNS.get(name.lower(), name): cell for name, cell in zip(headers, row, strict=True)}
    if "_contact_id_" in record:
        record["id"] = record["_contact_id_"]
    return record
