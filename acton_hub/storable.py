"""What no database stores of JSON that came in: NUL characters, and halves of surrogate pairs."""

from collections.abc import Iterator
from typing import Any

PROBLEM = "must not hold a NUL character or half a character"


def unstorable(value: Any, path: str = "") -> Iterator[str]:
    """Dotted paths of the texts that cannot be stored; a key at fault is told by what it stands in."""
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            yield path
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from unstorable(key, path)
            yield from unstorable(each, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for each in value:
            yield from unstorable(each, path)
