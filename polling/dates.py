"""Dates in records, read by the formats of a poller's configuration (CONTRACT §4). Pure."""

from datetime import UTC, datetime, timedelta
from typing import Any

from polling import java_dates
from polling.zones import zone_of

_MS_A_UNIT = {"milliseconds": (1, 1), "seconds": (1000, 1), "microseconds": (1, 1000)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_CHARACTERS = 200  # of a pattern, and of a date


def check_format(date_format: str) -> None:
    """Raises ValueError for what is neither a unit of numbers nor a date pattern of Java's."""
    if date_format in _MS_A_UNIT:
        return
    if len(date_format) > MOST_CHARACTERS:
        raise ValueError(f"is longer than {MOST_CHARACTERS} characters")
    try:
        java_dates.pieces(date_format)
    except ValueError as error:
        raise ValueError(f"cannot be read: {error}; expected {', '.join(_MS_A_UNIT)} or a date pattern") from None


def parse_ms(value: Any, date_format: str, zone: str = "") -> int | None:
    """The date as epoch ms; None where the record has none. Raises ValueError where it cannot be read.

    `zone` holds for a date that names none itself; it has no bearing on numbers.
    """
    if value is None or value == "":
        return None
    if date_format not in _MS_A_UNIT:
        if not isinstance(value, str | int) or len(str(value)) > MOST_CHARACTERS:
            raise ValueError(f"{str(value)[:50]!r} is not a date")
        return (java_dates.read(date_format, str(value), zone_of(zone)) - _EPOCH) // timedelta(milliseconds=1)
    times, divided_by = _MS_A_UNIT[date_format]
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"{value!r} is not a number of {date_format}")
    try:
        return int(value) * times // divided_by
    except ValueError:
        raise ValueError(f"{str(value)[:50]!r} is not a number of {date_format}") from None
