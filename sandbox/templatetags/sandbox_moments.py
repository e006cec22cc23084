"""Moments in templates."""

from datetime import UTC, datetime

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def moment(milliseconds: int) -> SafeString | str:
    """Milliseconds as a UTC time that people can read; the number itself where no calendar has it."""
    try:
        when = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return str(milliseconds)
    text = when.strftime("%Y-%m-%d %H:%M:%S")
    return format_html('<time datetime="{}" title="{} ms">{} UTC</time>', when.isoformat(), milliseconds, text)
