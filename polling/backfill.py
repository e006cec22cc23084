"""Backfill: everything since a moment, once more, without moving the position (CONTRACT §9)."""

from typing import TYPE_CHECKING

from django.utils import timezone

from events import outbox, recording
from events.changes import NewChange
from events.models import Change, Delivery
from polling import detection
from polling.detection import Sighting

if TYPE_CHECKING:
    from polling.run import Run


def changes(run: "Run", sightings: list[Sighting]) -> list[NewChange]:
    """The versions that were not stored before; a dry run counts them, and stores none.

    What was stored before is counted as repeated and, where that is wanted, delivered again: the same bytes.
    """
    options = run.poll.backfill or {}
    memory = recording.remembered(run.poller.pk, [sighting.object_id for sighting in sightings])
    stored = recording.stored_versions(run.poller.pk, [(each.object_id, each.version) for each in sightings])
    run.poll.repeated += len(stored)
    if options.get("redeliver") and not options.get("dry_run") and stored:
        _deliver_again(run, stored)
    found = [
        detection.change(sighting, memory.get(sighting.object_id), run.configuration)
        for sighting in sightings
        if (sighting.object_id, sighting.version) not in stored
    ]
    if options.get("dry_run"):
        run.poll.events_created += len(found)
        return []
    return found


def _deliver_again(run: "Run", stored: set[tuple[str, str]]) -> None:
    """Only what nothing was done to since the poll began: the changes of one notification may lie on many pages,
    and what this poll stored itself is on its way."""
    events = [
        event
        for object_id, version, event in Change.objects.filter(
            poller=run.poller, object_id__in={object_id for object_id, _ in stored}
        ).values_list("object_id", "version", "event")
        if (object_id, version) in stored
    ]
    began = run.poll.started_at or run.poll.queued_at
    outbox.release(Delivery.objects.filter(notification__event__in=events, updated_at__lt=began), timezone.now())
