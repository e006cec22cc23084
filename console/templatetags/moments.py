"""Moments and spans of time, for people and machines alike."""

from datetime import UTC, datetime, timedelta

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def utc(moment: datetime | None) -> SafeString | str:
    """A moment in UTC, to the second; nothing where there is none."""
    if moment is None:
        return ""
    moment = moment.astimezone(UTC)
    return _time(moment, moment.strftime("%Y-%m-%d %H:%M:%S"))


@register.filter
def utc_ms(milliseconds: int | None) -> SafeString | str:
    """Epoch milliseconds, to the millisecond; a number that no calendar holds is shown as it is."""
    if milliseconds is None:
        return ""
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return f"{milliseconds} ms"
    return _time(moment, f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03}")


@register.filter
def clock(moment: datetime) -> SafeString:
    """Hour and minute alone, where the day is told elsewhere."""
    moment = moment.astimezone(UTC)
    return format_html('<time datetime="{}" data-form="clock">{}</time>', _machine(moment), f"{moment:%H:%M}")


def _time(moment: datetime, text: str) -> SafeString:
    return format_html('<time datetime="{}">{} <small>UTC</small></time>', _machine(moment), text)


def _machine(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@register.filter
def ago(moment: datetime | None) -> SafeString | str:
    """A moment as its distance from now, `3 min ago` or `in 3 min`; the moment itself, in UTC, on hover.

    The page keeps it up to date (static/times.js): from the distance here, since the reader's clock may be wrong.
    """
    if moment is None:
        return ""
    moment = moment.astimezone(UTC)
    distance = timezone.now() - moment
    words = f"{span(distance)} ago" if distance >= timedelta(0) else f"in {span(-distance)}"
    return format_html(
        '<time datetime="{}" title="{}" data-ago="{}">{}</time>',
        _machine(moment), f"{moment:%F %T} UTC", round(distance.total_seconds()), words,
    )  # fmt: skip


@register.filter
def moment_of(milliseconds: int | None) -> datetime | None:
    """Epoch milliseconds as a moment; None where no calendar holds it."""
    try:
        return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None


@register.filter
def span(duration: timedelta) -> str:
    """A length of time in its two largest units: `45 s`, `12 min`, `3 h 5 min`, `2 d 4 h`."""
    seconds = int(duration.total_seconds())
    days, hours, minutes = seconds // 86_400, seconds % 86_400 // 3600, seconds % 3600 // 60
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min" if minutes else f"{seconds} s"


@register.filter
def grouped(number: int) -> str:
    """A number in groups of three digits."""
    return f"{number:,}"
