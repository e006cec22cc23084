"""The JSON of events and notifications, as the platform sends it (CONTRACT §5, §6). Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from acton_hub import incoming
from elements import catalogue
from events.changes import NewChange

if TYPE_CHECKING:
    from instances.models import Instance

TOPIC = catalogue.KEY
SENDER = "acton-hub"


@dataclass(frozen=True)
class Source:
    """The instance that a notification speaks of, as it was called when the notification was made."""

    instance_id: int
    instance_name: str
    instance_tags: list[str]
    organization_id: int
    object_type: str


def source_of(instance: "Instance", object_type: str) -> Source:
    """The instance as it is called now."""
    return Source(instance.pk, instance.name, instance.tags, instance.organization_id, object_type)


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with `Z`; milliseconds only where there are some."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds" if moment.microsecond >= 1000 else "seconds")
    return text.replace("+00:00", "Z")


def iso_ms(milliseconds: int) -> str:
    """The same for epoch milliseconds. Moments that no calendar holds count as its end."""
    try:
        return iso(datetime.fromtimestamp(milliseconds / 1000, UTC))
    except (OverflowError, ValueError, OSError):
        return "9999-12-31T23:59:59Z"


def raw(source: Source, changes: Sequence[NewChange]) -> str:
    """JSON text of a batch's `raw`: the records under the resource's name, each exactly as it was stored."""
    head = json.dumps({"objectType": source.object_type, "instance_id": source.instance_id})
    records = ", ".join(change.record for change in changes)
    return f"{head[:-1]}, {json.dumps(source.object_type)}: [{records}]}}"


def as_json_text(payload: str) -> str:
    """A payload as it stands where it is JSON, to the last digit; else as a JSON text of what it is."""
    try:
        incoming.loads(payload)
    except ValueError:
        return json.dumps(payload)
    return payload.strip()


def inbound_raw(source: Source, text: str) -> str:
    """JSON text of the `raw` of an event that came from outside (CONTRACT §5), out of that of its payload."""
    head = json.dumps({"objectType": source.object_type, "instance_id": source.instance_id})
    return f'{head[:-1]}, "payload": {text}}}'


def of_user(topic: str, sender: str, severity: str, message: Any, created_at: datetime) -> str:
    """The body of a notification that a user made, behind its `id`."""
    head = {"topic": topic, "from": sender, "severity": severity, "createdDate": iso(created_at), "message": message}
    return json.dumps(head)[1:]


def tail(source: Source, event_id: int, raw_text: str, changes: Sequence[NewChange], created_at: datetime) -> str:
    """The body of a notification behind its `id`, from the next member to the closing brace."""
    message = {
        "elementKey": catalogue.KEY,
        "accountId": source.organization_id,
        "companyId": source.organization_id,
        "eventId": str(event_id),
        "instanceId": source.instance_id,
        "instance_id": source.instance_id,
        "instanceName": source.instance_name,
        "instanceTags": source.instance_tags,
    }
    head = {"topic": TOPIC, "from": SENDER, "severity": "low", "createdDate": iso(created_at)}
    entries = json.dumps([_entry(source, change) for change in changes])
    return (
        f'{json.dumps(head)[1:-1]}, "message": {json.dumps(message)[:-1]}, "raw": {raw_text}, "events": {entries}}}}}'
    )


def _entry(source: Source, change: NewChange) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "elementKey": catalogue.KEY,
        "hubKey": catalogue.HUB,
        "eventType": change.event_type,
        "objectType": source.object_type,
        "objectId": change.object_id,
    }
    if change.occurred_ms is not None:
        entry["date"] = iso_ms(change.occurred_ms)
    return entry | {"sequence": change.sequence}
