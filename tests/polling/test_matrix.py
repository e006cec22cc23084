"""Every combination of a poller's options against the plain words of the contract (CONTRACT §4)."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.changes import Remembered
from polling import detection
from polling.configuration import load

BASE = datetime(2026, 3, 29, tzinfo=UTC)  # in Berlin, the day on which summer time begins
LAST_POLL_MS = int(BASE.timestamp() * 1000)
BEGAN_MS = LAST_POLL_MS + 3_600_000
FORMATS = {
    "milliseconds": lambda moment: str(int(moment.timestamp() * 1000)),
    "seconds": lambda moment: int(moment.timestamp()),
    "microseconds": lambda moment: str(int(moment.timestamp()) * 1_000_000),
    "yyyy-MM-dd'T'HH:mm:ssXXX": lambda moment: moment.isoformat(),
    "EEE, dd MMM yyyy HH:mm:ss Z": lambda moment: moment.strftime("%a, %d %b %Y %H:%M:%S %z"),
    "yyyy-MM-dd HH:mm:ss z": lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S UTC"),
}
# Where daylight saving begins, and never a moment that comes twice.
ZONED = {"yyyy-MM-dd HH:mm:ss": "Europe/Berlin", "dd.MM.yyyy hh:mm:ss a": "America/New_York"}
offsets = st.one_of(st.none(), st.integers(-7200, 7200))


def record(updated_s: int | None, created_s: int | None, write: Any) -> dict[str, Any]:
    values = {"u": updated_s, "c": created_s}
    dates = {name: write(BASE + timedelta(seconds=each)) for name, each in values.items() if each is not None}
    return {"id": "1", **dates}


def expected(
    updated_s: int | None, created_s: int | None, *, by_updated: bool, by_current: bool, tolerance: int, seen: bool
) -> tuple[bool, str]:
    """Whether the record is in the window, and what it is, in the contract's own words."""
    decisive = updated_s if by_updated else created_s
    inside = decisive is None or (decisive > 0 and not (by_current and decisive > 3600))
    if updated_s is None or created_s is None:
        return inside, "UPDATED" if seen else "CREATED"
    return inside, "CREATED" if updated_s - created_s <= tolerance else "UPDATED"


def judged(entry: dict[str, Any], found: dict[str, Any], *, seen: bool) -> tuple[bool, str]:
    configuration = load(entry, "x")
    sighting = detection.sight(found, configuration)
    before = Remembered("other", "{}", 1) if seen else None
    inside = detection.in_window(sighting, LAST_POLL_MS, configuration, BEGAN_MS)
    return inside, detection.change(sighting, before, configuration).event_type


@pytest.mark.parametrize("by_updated", [True, False])
@pytest.mark.parametrize("by_current", [True, False])
@pytest.mark.parametrize("date_format", FORMATS)
@given(updated_s=offsets, created_s=offsets, tolerance=st.integers(0, 100), seen=st.booleans())
def test_the_options_together(
    by_updated: bool,
    by_current: bool,
    date_format: str,
    updated_s: int | None,
    created_s: int | None,
    tolerance: int,
    seen: bool,
) -> None:
    entry = {
        "url": "/campaigns",
        "idField": "id",
        "filterByUpdatedDate": by_updated,
        "filterByCurrentDate": by_current,
        "createdCheckTolerance": tolerance,
        "datesConfiguration": {
            "updatedDateField": "u", "updatedDateFormat": date_format,
            "createdDateField": "c", "createdDateFormat": date_format,
        },
    }  # fmt: skip
    wanted = expected(
        updated_s, created_s, by_updated=by_updated, by_current=by_current, tolerance=tolerance, seen=seen
    )
    assert judged(entry, record(updated_s, created_s, FORMATS[date_format]), seen=seen) == wanted


@pytest.mark.parametrize(("pattern", "zone"), ZONED.items())
@given(updated_s=st.integers(-7200, 7200))
def test_dates_without_a_zone_on_the_day_that_summer_time_begins(pattern: str, zone: str, updated_s: int) -> None:
    written = {"yyyy-MM-dd HH:mm:ss": "%Y-%m-%d %H:%M:%S", "dd.MM.yyyy hh:mm:ss a": "%d.%m.%Y %I:%M:%S %p"}[pattern]
    entry = {
        "url": "/campaigns",
        "idField": "id",
        "datesConfiguration": {
            "updatedDateField": "u", "updatedDateFormat": pattern, "updatedDateTimezone": zone,
        },
    }  # fmt: skip
    found = record(updated_s, None, lambda moment: moment.astimezone(ZoneInfo(zone)).strftime(written))
    assert judged(entry, found, seen=True)[0] == (updated_s > 0)
