"""Time zones as configurations and records name them: by name, by abbreviation, by offset. Pure."""

import re
from datetime import UTC, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

_OFFSET = re.compile(r"(?:GMT|UTC|UT)?([+-])(\d{1,2})(?::?(\d{2}))?")
# What Java takes these short names for in a setting: a region with its daylight saving, unless it is a fixed offset.
_REGIONS = {
    "ACT": "Australia/Darwin", "AET": "Australia/Sydney", "AST": "America/Anchorage", "BST": "Europe/London",
    "CST": "America/Chicago", "CTT": "Asia/Shanghai", "ECT": "Europe/Paris", "IST": "Asia/Kolkata",
    "JST": "Asia/Tokyo", "MST": "-07:00", "EST": "-05:00", "HST": "-10:00", "PST": "America/Los_Angeles",
    "NST": "Pacific/Auckland", "SST": "Pacific/Guadalcanal",
}  # fmt: skip
# What an abbreviation means in a text, where daylight saving has names of its own.
_HOURS = {
    "UTC": 0, "GMT": 0, "UT": 0, "Z": 0, "WET": 0, "WEST": 1, "BST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3,
    "MSK": 3, "IST": 5.5, "JST": 9, "KST": 9, "AWST": 8, "ACST": 9.5, "ACDT": 10.5, "AEST": 10, "AEDT": 11,
    "NZST": 12, "NZDT": 13, "NST": -3.5, "NDT": -2.5, "AST": -4, "ADT": -3, "EST": -5, "EDT": -4, "CST": -6,
    "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "AKST": -9, "AKDT": -8, "HST": -10,
}  # fmt: skip


def _offset(text: str) -> tzinfo | None:
    match = _OFFSET.fullmatch(text)
    if match is None:
        return None
    hours, minutes = int(match[2]), int(match[3] or 0)
    if hours > 18 or minutes > 59:
        return None
    span = timedelta(hours=hours, minutes=minutes)
    return timezone(span if match[1] == "+" else -span)


@lru_cache(maxsize=1000)  # what is cached comes from outside
def zone_of(name: str) -> tzinfo:
    """The zone that a setting names; none, and an empty one, is UTC. Raises ValueError for an unknown one."""
    text = name.strip()
    if text.upper() in ("", "Z", "UTC", "GMT", "UT"):
        return UTC
    text = _REGIONS.get(text.upper(), text)
    found = _offset(text) or _region(text)
    if found is None and text.upper() in _HOURS:
        found = timezone(timedelta(hours=_HOURS[text.upper()]))
    if found is None:
        raise ValueError(f"unknown time zone {name!r}")
    return found


def zone_in_text(text: str) -> tzinfo:
    """The zone that stands in a date's text. Raises ValueError for an unknown one."""
    found = _offset(text)
    if found is None and text.upper() in _HOURS:
        found = timezone(timedelta(hours=_HOURS[text.upper()]))
    found = found or _region(text)
    if found is None:
        raise ValueError(f"unknown time zone {text!r}")
    return found


def _region(text: str) -> tzinfo | None:
    if not re.fullmatch(r"[A-Za-z][\w+-]*(/[\w+-]+){0,2}", text, re.ASCII):
        return None
    try:
        return ZoneInfo(text)
    except (KeyError, OSError, ValueError):  # ZoneInfoNotFoundError is a KeyError; a folder's name is an OSError
        return None
