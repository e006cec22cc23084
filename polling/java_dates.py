"""Java's date patterns, both ways: what `yyyy-MM-dd'T'HH:mm:ssXXX` writes and reads (CONTRACT §4). Pure.

As SimpleDateFormat reads: text behind the pattern's end is ignored, letters in any case, a run of numbers is cut where
the pattern says. Unlike it: S is a fraction of a second, of any length; Y counts as y.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

from polling.zones import zone_in_text

MONTHS = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
]  # fmt: skip
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
LETTERS = "GyYMLdDEuaHkKhmsSzZXx"
CENTURY_PIVOT = 70  # two-digit years from here on belong to the 1900s
_TEXTUAL = "GEazZXx'"


@dataclass(frozen=True)
class Piece:
    """A letter and how often it stands, or, with the letter `'`, a literal text."""

    letter: str
    count: int = 0
    text: str = ""

    @property
    def is_number(self) -> bool:
        return self.letter not in _TEXTUAL and not (self.letter in "ML" and self.count >= 3)


@lru_cache(maxsize=1000)  # what is cached comes from outside
def pieces(pattern: str) -> tuple[Piece, ...]:
    """The pattern taken apart. Raises ValueError for a letter that has no meaning, or a quote that is left open."""
    found: list[Piece] = []
    position = 0
    while position < len(pattern):
        letter = pattern[position]
        if letter == "'":
            text, position = _quoted(pattern, position)
            found.append(Piece("'", text=text))
        elif letter.isascii() and letter.isalpha():
            if letter not in LETTERS:
                raise ValueError(f"the letter {letter!r} of the date pattern {pattern!r} is not known")
            end = position
            while end < len(pattern) and pattern[end] == letter:
                end += 1
            found.append(Piece("y" if letter == "Y" else letter, end - position))
            position = end
        else:
            found.append(Piece("'", text=letter))
            position += 1
    if not any(piece.letter != "'" for piece in found):
        raise ValueError(f"{pattern!r} is not a date pattern")
    return tuple(found)


def _quoted(pattern: str, position: int) -> tuple[str, int]:
    """The literal that begins with the quote at `position`, and where it ends; two quotes are one."""
    if pattern[position : position + 2] == "''":
        return "'", position + 2
    text, position = "", position + 1
    while position < len(pattern):
        if pattern[position : position + 2] == "''":
            text, position = text + "'", position + 2
        elif pattern[position] == "'":
            return text, position + 1
        else:
            text, position = text + pattern[position], position + 1
    raise ValueError(f"a quote is left open in the date pattern {pattern!r}")


def write(pattern: str, moment: datetime) -> str:
    """`moment`, in its own zone, as the pattern says. Raises ValueError for a pattern that cannot be."""
    return "".join(_written(piece, moment) for piece in pieces(pattern))


def _written(piece: Piece, moment: datetime) -> str:
    count = piece.count
    match piece.letter:
        case "'":
            return piece.text
        case "G":
            return "AD"
        case "y":
            return f"{moment.year % 100:02d}" if count == 2 else f"{moment.year:0{count}d}"
        case "M" | "L" if count >= 3:
            return MONTHS[moment.month - 1] if count >= 4 else MONTHS[moment.month - 1][:3]
        case "E":
            return DAYS[moment.weekday()] if count >= 4 else DAYS[moment.weekday()][:3]
        case "a":
            return "AM" if moment.hour < 12 else "PM"
        case "S":
            return f"{moment.microsecond:06d}".ljust(count, "0")[:count]
        case "z":
            return "UTC" if moment.utcoffset() == timedelta(0) else moment.tzname() or "UTC"
        case "Z":
            return _offset(moment, "")
        case "X" | "x":
            return _iso_offset(piece, moment)
    return f"{_number(piece.letter, moment):0{count}d}"


def _number(letter: str, moment: datetime) -> int:
    return {
        "M": moment.month,
        "L": moment.month,
        "d": moment.day,
        "D": moment.timetuple().tm_yday,
        "u": moment.isoweekday(),
        "H": moment.hour,
        "k": moment.hour or 24,
        "K": moment.hour % 12,
        "h": moment.hour % 12 or 12,
        "m": moment.minute,
        "s": moment.second,
    }[letter]


def _offset(moment: datetime, separator: str) -> str:
    minutes = int((moment.utcoffset() or timedelta(0)).total_seconds() // 60)
    sign, minutes = ("-" if minutes < 0 else "+"), abs(minutes)
    return f"{sign}{minutes // 60:02d}{separator}{minutes % 60:02d}"


def _iso_offset(piece: Piece, moment: datetime) -> str:
    if piece.letter == "X" and moment.utcoffset() == timedelta(0):
        return "Z"
    text = _offset(moment, ":" if piece.count >= 3 else "")
    return text[:3] if piece.count == 1 and text.endswith("00") else text


@lru_cache(maxsize=1000)  # what is cached comes from outside
def _reader(pattern: str) -> re.Pattern[str]:
    """One group a piece; every repetition is bounded and none is nested, so that reading takes linear time."""
    found = pieces(pattern)
    parts = []
    for number, piece in enumerate(found):
        followed = number + 1 < len(found) and found[number + 1].is_number
        parts.append(_expression(piece, followed))
    return re.compile(r"\s{0,20}" + "".join(parts), re.IGNORECASE | re.ASCII)


def _expression(piece: Piece, followed: bool) -> str:
    match piece.letter:
        case "'":
            return r"(\s{1,20})" if piece.text.isspace() else f"({re.escape(piece.text)})"
        case "G":
            return "(AD|BC|CE)"
        case "M" | "L" if piece.count >= 3:
            return f"({'|'.join([*MONTHS, *(name[:3] for name in MONTHS)])})"
        case "E":
            return f"({'|'.join([*DAYS, *(name[:3] for name in DAYS)])})"
        case "a":
            return "(AM|PM)"
        case "z":
            return r"([A-Za-z][\w/+:-]{0,40}|[+-]\d{1,2}(?::?\d{2})?)"
        case "Z" | "X" | "x":
            return r"(Z|[+-]\d{2}(?::?\d{2})?)"
    if followed:
        return rf"(\d{{{piece.count}}})"
    return r"(\d{1,9})" if piece.letter in "yS" else r"(\d{1,3})"


def read(pattern: str, text: str, zone: tzinfo = UTC) -> datetime:
    """The moment that `text` tells; `zone` holds where the text itself names none. Raises ValueError."""
    match = _reader(pattern).match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a date of the form {pattern!r}")
    values: dict[str, str] = {}
    for piece, value in zip(pieces(pattern), match.groups(), strict=True):
        if piece.letter != "'":
            values[piece.letter] = value
    try:
        return _moment(values, zone, {piece.letter: piece.count for piece in pieces(pattern)})
    except OverflowError as error:
        raise ValueError(f"{text!r}: {error}") from None


def _moment(values: dict[str, str], zone: tzinfo, counts: dict[str, int]) -> datetime:
    year = int(values.get("y", "1970"))
    if counts.get("y") == 2 and len(values["y"]) == 2:
        year += 1900 if year >= CENTURY_PIVOT else 2000
    for letter in "zZXx":
        if letter in values:
            zone = zone_in_text(values[letter])
    fraction = int(values.get("S", "0").ljust(6, "0")[:6])
    hour, minute, second = _hour(values), int(values.get("m", 0)), int(values.get("s", 0))
    days = int(values["D"]) - 1 if "D" in values and "d" not in values else 0
    moment = datetime(year, _month(values), int(values.get("d", 1)), tzinfo=zone) + timedelta(days=days)
    if hour > 23 or minute > 59 or second > 60:
        raise ValueError(f"{hour}:{minute}:{second} is not a time of day")
    return moment.replace(hour=hour, minute=minute, second=min(second, 59), microsecond=fraction)


def _month(values: dict[str, str]) -> int:
    text = values.get("M") or values.get("L") or "1"
    if text.isdigit():
        return int(text)
    return next(number for number, name in enumerate(MONTHS, 1) if name[:3].lower() == text[:3].lower())


def _hour(values: dict[str, str]) -> int:
    if "H" in values:
        return int(values["H"])
    if "k" in values:
        return int(values["k"]) % 24
    if "K" not in values and "h" not in values:
        return 0
    half = int(values["K"]) if "K" in values else int(values["h"]) % 12
    return half + (12 if values.get("a", "AM").upper() == "PM" else 0)
