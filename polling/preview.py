"""What a poll would find now, without storing or moving anything (CONTRACT §9)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from elements.acton import resources
from elements.acton.resources import Access
from elements.acton.sources import EVERY_LIST, source_of
from events import recording
from events.notification_body import iso_ms
from instances.models import Instance
from polling import detection, templates
from polling.configuration import PollerConfiguration
from polling.models import Poller
from polling.run import last_poll_ms

MOST_RECORDS = 20
MOST_LISTS = 5  # that are looked into
Ask = Callable[[Callable[[Access], Any]], Any]


@dataclass(frozen=True)
class Found:
    """One record: what it would be told as, or why it is left out."""

    resource: str
    object_id: str | None
    event_type: str | None
    created: str | None
    updated: str | None
    reason: str | None


def preview(
    instance: Instance, resource: str, configuration: PollerConfiguration, ask: Ask, now: datetime
) -> list[Found]:
    """At most 20 records, of at most five lists. A resource that is not polled yet is looked at since the instance was
    made. `ask` makes one call of Act-On's; what it raises is passed on."""
    poller = instance.pollers.filter(resource=resource).first()
    positions = dict(poller.positions.values_list("list_id", "position_ms")) if poller else {}
    target = source_of(templates.fill(configuration.url, 0))
    lists = [target.list_id]
    if target.is_every_list:
        page = ask(resources.lists)
        lists = [row["id"] for row in page.records if configuration.lists.covers(row["id"])]
        lists.sort(key=lambda each: -_modified(page.records, each))
    found: list[Found] = []
    for list_id in lists[:MOST_LISTS]:
        since_ms = _since(instance, poller, configuration, positions.get(list_id))
        source = source_of(templates.fill(configuration.url, since_ms).replace(EVERY_LIST, list_id))
        page = ask(partial(source.read, offset=0, count=MOST_RECORDS))
        records = [record for record in page.records if source.matches(record)]
        found += [_judge(poller, resource, record, since_ms, configuration) for record in records]
        if len(found) >= MOST_RECORDS:
            break
    return found[:MOST_RECORDS]


def _modified(rows: list[dict[str, Any]], list_id: str) -> int:
    return next(int(row.get("tsLastModified") or 0) for row in rows if row["id"] == list_id)


def _since(
    instance: Instance, poller: Poller | None, configuration: PollerConfiguration, position_ms: int | None
) -> int:
    if poller is None:
        return int(instance.created_at.timestamp() * 1000)
    return last_poll_ms(poller, configuration, position_ms if position_ms is not None else poller.started_ms)


def _judge(
    poller: Poller | None, resource: str, record: dict[str, Any], since_ms: int, configuration: PollerConfiguration
) -> Found:
    try:
        sighting = detection.sight(record, configuration)
    except ValueError as error:
        return Found(resource, None, None, None, None, str(error))
    created = iso_ms(sighting.created_ms) if sighting.created_ms is not None else None
    updated = iso_ms(sighting.updated_ms) if sighting.updated_ms is not None else None
    before = recording.remembered(poller.pk, [sighting.object_id]).get(sighting.object_id) if poller else None
    reason = None
    if not detection.in_window(sighting, since_ms, configuration):
        reason = f"not later than the last poll date, {iso_ms(since_ms)}"
    elif before is not None and before.version == sighting.version:
        reason = "this version was found before"
    kind = detection.change(sighting, before, configuration).event_type if reason is None else None
    return Found(resource, sighting.object_id, kind, created, updated, reason)
