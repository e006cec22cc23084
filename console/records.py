"""A record of Act-On as rows to look at, with what changed in it; masked fields are (MASKED_FIELDS)."""

import json
from dataclasses import dataclass
from typing import Any

from acton_hub import masking


@dataclass(frozen=True)
class Field:
    """One field of a record. `before` is what it was when the object was last seen, where it changed since."""

    name: str
    value: str
    before: str = ""
    changed: bool = False


def fields(record: str, previous: str) -> list[Field]:
    """The fields of a change's record, those that are gone last. Empty where the record is no object."""
    now, before = _object(record), _object(previous)
    rows = [Field(name, text(value), text(before.get(name)), name in before) for name, value in now.items()]
    gone = [Field(name, "", text(value), True) for name, value in before.items() if name not in now]
    return rows + gone


def _object(json_text: str) -> dict[str, Any]:
    try:
        value = json.loads(json_text)
    except ValueError:
        return {}
    return masking.in_value(value) if isinstance(value, dict) else {}


def text(value: Any) -> str:
    """Texts as they are, nothing as nothing, all else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
