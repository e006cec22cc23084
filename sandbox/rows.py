"""Shapes of contacts, without database: headers, cells, dates, sample contacts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

HEADERS = ["Email", "First Name", "Last Name", "Company"]
ID_HEADER = "_contact_id_"
CREATED_KEY = "__created_date"
MODIFIED_KEY = "__modified_date"
FIRST_NAMES = ["Ada", "Ben", "Chloe", "David", "Emma", "Farid", "Grace", "Hugo", "Ines", "Jonas"]
LAST_NAMES = ["Adler", "Brandt", "Costa", "Dubois", "Evans", "Fischer", "Garcia"]
COMPANIES = ["Northwind", "Initech", "Globex", "Umbrella", "Acme"]


class BadContact(ValueError):
    """Values that do not fit a list; `field` is the column at fault."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Values:
    """Cells by header, and the dates (ms) where somebody wants them to be other than now."""

    cells: dict[str, str]
    created_ms: int | None = None
    modified_ms: int | None = None


def read_values(values: Mapping[str, object], headers: Sequence[str]) -> Values:
    """Check the values of a contact against the headers of its list. Raises BadContact."""
    cells: dict[str, str] = {}
    dates: dict[str, int] = {}
    for name, value in values.items():
        if name in (CREATED_KEY, MODIFIED_KEY):
            dates[name] = _moment(name, value)
        elif name not in headers:
            raise BadContact(name, f"{name} is no column of this list; its columns are {', '.join(headers)}")
        elif value is not None and not isinstance(value, str | int | float):
            raise BadContact(name, f"{name} must be text")
        else:
            cells[name] = "" if value is None else str(value)
    return Values(cells, dates.get(CREATED_KEY), dates.get(MODIFIED_KEY))


def _moment(name: str, value: object) -> int:
    text = str(value)
    if isinstance(value, bool) or not text.isascii() or not text.isdigit() or len(text) > 15:
        raise BadContact(name, f"{name} must be a moment in milliseconds")
    return int(text)


def email_of(headers: Sequence[str], cells: Sequence[str]) -> str:
    """The sort key of the order by name."""
    position = email_column(headers)
    return cells[position][:320].lower() if position >= 0 else ""


def email_column(headers: Sequence[str]) -> int:
    """Where the address stands among the headers; -1 where there is none."""
    return next((place for place, name in enumerate(headers) if "email" in name.lower().replace("-", "")), -1)


def sample(number: int, headers: Sequence[str]) -> Values:
    """An invented contact, the same for the same number."""
    first = FIRST_NAMES[number % len(FIRST_NAMES)]
    last = LAST_NAMES[number % len(LAST_NAMES)]
    invented = {
        "Email": f"{first}.{last}.{number}@example.com".lower(),
        "First Name": first,
        "Last Name": last,
        "Company": COMPANIES[number % len(COMPANIES)],
    }
    return Values({name: invented.get(name, f"{name} {number}") for name in headers})


def shorten(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Rows that lost their last cell."""
    return [list(row[:-1]) for row in rows]
