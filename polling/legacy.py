"""The platform's older way to say what is polled, `event.poller.urls`, put into the present one (CONTRACT §4). Pure."""

from typing import Any

KEY = "event.poller.urls"
# What stands between the bars of a line, in order.
FIELDS = (
    "resource", "url", "xPathFilter", "updatedDateField", "updatedDateFormat", "updatedDateTimezone",
    "createdDateField", "createdDateFormat", "createdDateTimezone",
)  # fmt: skip
DATES = FIELDS[3:]
DEFAULT_ID = {"contacts": "_contact_id_"}


def entries(text: str) -> dict[str, dict[str, Any]]:
    """One entry a line. Raises ValueError that names the line at fault.

    The older form names no id: contacts are known by `_contact_id_`, everything else by `id`.
    """
    found: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(text.replace("\\n", "\n").splitlines(), start=1):
        if not line.strip():
            continue
        values = dict(zip(FIELDS, (part.strip() for part in line.split("|")), strict=False))
        if line.count("|") >= len(FIELDS):
            raise ValueError(f"line {number} has more than {len(FIELDS)} parts")
        if not values.get("resource") or not values.get("url"):
            raise ValueError(f"line {number} needs at least resource|url")
        if values.get("xPathFilter"):
            raise ValueError(f"line {number} has an xPathFilter, which only XML has a use for")
        entry: dict[str, Any] = {"url": values["url"], "idField": DEFAULT_ID.get(values["resource"], "id")}
        dates = {name: values[name] for name in DATES if values.get(name)}
        found[values["resource"]] = entry | ({"datesConfiguration": dates} if dates else {})
    return found
