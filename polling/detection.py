"""From a record to what happened: which id, which dates, which version, which event type (CONTRACT §4). Pure."""

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any

from events.changes import NewChange, Remembered
from polling.configuration import PollerConfiguration
from polling.dates import parse_ms

CREATED = "CREATED"
UPDATED = "UPDATED"
DELETED = "DELETED"
_TIGHT = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True)
class Sighting:
    """One record as it was read."""

    object_id: str
    version: str
    created_ms: int | None
    updated_ms: int | None
    record: str  # JSON text


def dotted(record: dict[str, Any], path: str) -> Any:
    """The value at a dotted path; a key that holds the dots itself comes first. None where there is nothing."""
    if path in record:
        return record[path]
    value: Any = record
    for key in path.split("."):
        if not isinstance(value, dict) or key not in value:
            return None
        value = value[key]
    return value


def sight(record: dict[str, Any], configuration: PollerConfiguration) -> Sighting:
    """Read one record. Raises ValueError, saying why, for one without id or with a date that cannot be read."""
    object_id = dotted(record, configuration.id_field)
    if object_id is None or object_id == "" or isinstance(object_id, dict | list):
        raise ValueError(f"the record has no id in {configuration.id_field!r}")
    dates = configuration.dates
    updated_ms = _date(record, dates.updated_field, dates.updated_format, dates.updated_zone)
    created_ms = _date(record, dates.created_field, dates.created_format, dates.created_zone)
    text = _TIGHT.encode(record)  # ASCII: whatever Act-On's texts hold, it can be stored and sent
    return Sighting(usable_id(str(object_id)), version_of(text, updated_ms), created_ms, updated_ms, text)


def _date(record: dict[str, Any], path: str | None, date_format: str, zone: str) -> int | None:
    return parse_ms(dotted(record, path), date_format, zone) if path else None


def usable_id(object_id: str) -> str:
    """Raises ValueError for an id that no database stores."""
    if len(object_id) > 300 or not object_id.isprintable():
        raise ValueError(f"the record's id {object_id[:50]!r} is too long or holds unprintable characters")
    return object_id


def version_of(record: str, updated_ms: int | None) -> str:
    """The updated date, where there is one, and a hash of the record: either alone has failed others."""
    digest = hashlib.blake2b(record.encode(), digest_size=16).hexdigest()
    return f"{updated_ms}:{digest}" if updated_ms is not None else digest


def in_window(
    sighting: Sighting, last_poll_ms: int, configuration: PollerConfiguration, began_ms: int | None = None
) -> bool:
    """Whether the record changed after the last poll date. One without that date cannot be ruled out.

    With `filterByCurrentDate` also not after the poll began (`began_ms`, Act-On's clock): the next one brings it.
    """
    moment = sighting.updated_ms if configuration.filter_by_updated_date else sighting.created_ms
    if moment is None:
        return True
    if configuration.filter_by_current_date and began_ms is not None and moment > began_ms:
        return False
    return moment > last_poll_ms


def event_type(sighting: Sighting, *, seen_before: bool, tolerance_s: int) -> str:
    """CREATED where created and updated agree within the tolerance; UPDATED where it was created earlier.

    No created date known: UPDATED, unless the object was never seen before.
    """
    if sighting.created_ms is None:
        return UPDATED if seen_before else CREATED
    if sighting.updated_ms is None:
        return UPDATED if seen_before else CREATED
    return CREATED if sighting.updated_ms - sighting.created_ms <= tolerance_s * 1000 else UPDATED


def change(sighting: Sighting, before: Remembered | None, configuration: PollerConfiguration) -> NewChange:
    """The change that a sighting of a new version stands for."""
    kind = event_type(sighting, seen_before=before is not None, tolerance_s=configuration.created_check_tolerance)
    own_date = sighting.created_ms if kind == CREATED and sighting.created_ms is not None else sighting.updated_ms
    return NewChange(
        object_id=sighting.object_id,
        version=sighting.version,
        event_type=kind,
        sequence=before.sequence + 1 if before else 1,
        occurred_ms=own_date if own_date is not None else sighting.created_ms,
        record=sighting.record,
        previous=changed_fields(before.record, sighting.record) if before and before.record else "",
    )


def come_back(found: NewChange) -> NewChange:
    """The change of an object that was deleted and is there again: it is new, even if it is as it was before."""
    version = f"{found.version}+{found.sequence}"
    return replace(found, event_type=CREATED, version=version, seen_version=found.version, previous="")


def deleted(object_id: str, before: Remembered, id_field: str, began_ms: int) -> NewChange:
    """The change of an object that is gone: its last known record, or, where none is known, its id alone."""
    return NewChange(
        object_id=object_id,
        version=f"deleted:{began_ms}",
        event_type=DELETED,
        sequence=before.sequence + 1,
        occurred_ms=None,
        record=before.record or json.dumps({id_field: object_id}),
        previous="",
    )


def changed_fields(before: str, after: str) -> str:
    """JSON text of the fields that differ, as they were before."""
    old, new = json.loads(before), json.loads(after)
    return json.dumps(
        {key: old.get(key) for key in [*old, *(key for key in new if key not in old)] if old.get(key) != new.get(key)}
    )
