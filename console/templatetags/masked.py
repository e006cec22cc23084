"""Words of Act-On, of callbacks and of the hub about a record, without what is in masked fields (MASKED_FIELDS)."""

from django import template

from acton_hub import masking

register = template.Library()


@register.filter
def in_words(text: str | None) -> str:
    return masking.in_words(text or "")
