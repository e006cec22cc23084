"""The fields named in MASKED_FIELDS, in whatever is shown or logged; what is delivered is never touched.

And secrets in answers that repeat what they were asked with.
"""

import html
import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

from django.conf import settings
from django.http import HttpRequest

MASK = "********"
# A value behind its name: a text in quotes (which the end may have cut off), one in escaped quotes, or a bare word.
_VALUE = r"""(?:"(?:[^"\\]|\\.)*(?:"|$)|'(?:[^'\\]|\\.)*(?:'|$)|(\\+["'])(?:(?!\2).)*(?:\2|$)|[^\s,;&)}\]"'\\]+)"""


def is_masked(name: str) -> bool:
    return name.lower() in _names(tuple(settings.MASKED_FIELDS))


@lru_cache(maxsize=10)
def _names(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)


@lru_cache(maxsize=10)
def _pairs(names: tuple[str, ...]) -> re.Pattern[str]:
    known = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.compile(rf"""((?<!\w)(?:{known})\\*["'`]?\s*[:=]\s*){_VALUE}""", re.IGNORECASE | re.DOTALL)


def in_value(value: Any) -> Any:
    """The same with the values of masked fields replaced, at whatever depth, and in texts that hold JSON themselves."""
    if not settings.MASKED_FIELDS:
        return value
    if isinstance(value, dict):
        return {name: _masked(each) if is_masked(name) else in_value(each) for name, each in value.items()}
    if isinstance(value, list):
        return [in_value(each) for each in value]
    return in_words(value) if isinstance(value, str) else value


def _masked(value: Any) -> Any:
    """Nothing stays nothing, so that a page tells whether a field is filled."""
    return value if value in (None, "") else MASK


def in_json(text: str) -> str:
    """The JSON that `text` is, masked; where it is none, or was cut, as words."""
    if not settings.MASKED_FIELDS:
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return in_words(text)
    return json.dumps(in_value(value), ensure_ascii=False)


def in_words(text: str) -> str:
    """A line with the values that stand behind the name of a masked field replaced: `Email='...'`, `"Email": "..."`."""
    if not settings.MASKED_FIELDS:
        return text
    return _pairs(tuple(settings.MASKED_FIELDS)).sub(rf"\1{MASK}", text)


def in_path(request: HttpRequest) -> str:
    """The path of a request, without what stands in the place of a masked field (`/optout/{email}`)."""
    path, match = request.path, request.resolver_match
    for name, value in (match.kwargs if match else {}).items():
        if is_masked(name) and value:
            path = path.replace(str(value), MASK)
    return path


def without(secrets: Iterable[str], text: str) -> str:
    """The text without these, none of them empty, also where it spells them as URLs, JSON or HTML do."""
    for secret in secrets:
        in_json = json.dumps(secret)[1:-1]
        others = {quote(secret, safe=""), quote_plus(secret), in_json, in_json.replace("/", "\\/"), html.escape(secret)}
        for spelling in (secret, *sorted(others - {secret})):
            text = text.replace(spelling, MASK)
    return text
