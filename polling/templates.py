"""Templates in a poller's URL, filled with the last poll date (CONTRACT §4). Pure."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from urllib.parse import quote

from polling import java_dates
from polling.zones import zone_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ISO = "yyyy-MM-dd'T'HH:mm:ss.SSSXXX"  # of `${date}` without a pattern
_NUMBERS = {
    "epoch": (1, 1),
    "epoch:ms": (1, 1),
    "milliseconds": (1, 1),
    "epoch:s": (1, 1000),
    "epoch:us": (1000, 1),
}


@lru_cache(maxsize=1000)  # what is cached comes from outside
def _parts(url: str) -> tuple[tuple[str, bool], ...]:
    """The text of the URL in order, each part with whether it is what stands in a template."""
    return tuple(_scan(url))


def _scan(url: str) -> Iterator[tuple[str, bool]]:
    position = 0
    while True:
        begin = url.find("${", position)
        if begin < 0:
            yield url[position:], False
            return
        yield url[position:begin], False
        end = _end_of(url, begin + 2)
        yield url[begin + 2 : end] + ("" if end < len(url) else "..."), True  # one that does not end is none
        position = end + 1


def _end_of(url: str, position: int) -> int:
    """Where the template ends that begins at `position`: a pattern in it may hold quoted text and braces."""
    depth, quoted, in_pattern = 0, False, False
    for place in range(position, len(url)):
        letter = url[place]
        in_pattern = in_pattern or letter == ":"
        if letter == "'" and in_pattern:
            quoted = not quoted
        elif not quoted and letter == "{":
            depth += 1
        elif not quoted and letter == "}":
            if not depth:
                return place
            depth -= 1
    plain = url.find("}", position)  # a quote is left open: that is the pattern's fault, not the URL's
    return plain if plain >= 0 else len(url)


def unknown(url: str) -> list[str]:
    """The templates in `url` that the hub cannot fill, as they are written."""
    return [f"${{{name}}}" for name, is_template in _parts(url) if is_template and not _is_known(name)]


def _is_known(name: str) -> bool:
    try:
        _value(name, 0)
    except ValueError:
        return False
    return True


def _value(name: str, ms: int) -> str:
    """Raises ValueError for a template that is not known, or whose pattern or zone is not."""
    if name in _NUMBERS:
        times, divided_by = _NUMBERS[name]
        return str(ms * times // divided_by)
    kind, _, rest = name.partition(":")
    moment = _EPOCH + timedelta(milliseconds=ms)
    if kind in ("date", "gmtDate"):
        return java_dates.write(rest or ISO, moment)
    if kind in ("dateTimeZone", "DateTimeZone"):
        zone, pattern = _zone_and_pattern(rest)
        return java_dates.write(pattern or ISO, moment.astimezone(zone_of(zone)))
    raise ValueError(f"unknown template {name!r}")


def _zone_and_pattern(text: str) -> tuple[str, str]:
    """`ZONE:PATTERN`; a zone that is an offset may hold a colon of its own."""
    first, _, rest = text.partition(":")
    minutes, _, behind = rest.partition(":")
    if first[-3:-2] in ("+", "-") and len(minutes) == 2 and minutes.isdigit():
        return f"{first}:{minutes}", behind
    return first, rest


def fill(url: str, last_poll_ms: int) -> str:
    """`url` with its templates filled. Raises ValueError for an unknown one, which validation keeps out."""
    return "".join(
        quote(_value(part, last_poll_ms), safe="") if is_template else part for part, is_template in _parts(url)
    )
