"""DELETED: a sweep reads every id of a list, and what is known but was not seen is gone (CONTRACT §4).

A contact that changes while its list is read may move past the reader. Reading whole (`polling.fetching`) misses no
other; so after the ids come the contacts that changed since the sweep began, and only what neither reading saw is gone.
A sweep that did not read every page of both deletes nothing: it is the last page that does.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction

from elements.acton.resources import Access, Page, Record
from elements.acton.sources import Source, source_of
from events import recording
from events.changes import NewChange
from events.models import TrackedObject
from polling import detection, fetching, schedule, templates
from polling.fetching import Bookmark
from polling.models import Position

if TYPE_CHECKING:
    from polling.run import Run

AT_ONCE = 500
SWEEP = "sweep:"  # stands before the list in the poll's `current` while its ids are swept
Store = Callable[["Run", list[NewChange]], None]


def is_due(run: "Run", position: Position | None) -> bool:
    """Whether the list has to be swept: the last whole sweep, if there was one, is long enough ago."""
    if run.moment_ms is None:
        return False
    if position is None or position.swept_ms is None:
        return True
    interval = schedule.sweep_interval(
        f"{run.poller.schedule_key}/{position.list_id}", timedelta(minutes=run.configuration.delete_sweep_interval)
    )
    return run.moment_ms - position.swept_ms >= interval / timedelta(milliseconds=1)


def sweep_when_due(run: "Run", list_id: str, store: Store) -> fetching.Reading:
    """Sweep the list if that is due; goes on where an earlier slice of the poll left off."""
    current = SWEEP + list_id
    position = Position.objects.filter(poller=run.poller, list_id=list_id).first()
    if run.current != current:
        if not is_due(run, position):
            return
        run.current, run.bookmark, run.sweep_ms = current, Bookmark(), run.moment_ms
    yield from fetching.read_whole(_reader(run, list_id, {}), _seeing(run, list_id), run.bookmark)
    began_ms = run.sweep_ms or 0
    since = {"modafter": max(0, began_ms - settings.POLL_OVERLAP_SECONDS * 1000)}
    changed = _seeing(run, list_id)

    def on_page(records: list[Record], last: bool) -> None:
        with transaction.atomic():
            changed(records, last)
            if last:
                _end(run, list_id, began_ms, store)

    yield from fetching.read_whole(_reader(run, list_id, since), on_page, Bookmark())
    run.current, run.bookmark, run.sweep_ms = None, Bookmark(), None


def _reader(run: "Run", list_id: str, bounds: dict[str, int]) -> fetching.FetchPage:
    named = source_of(templates.fill(run.configuration.url, 0))
    source = Source(named.collection, {"listId": list_id}, bounds, None, [])

    def fetch(access: Access, offset: int, count: int) -> Page:
        return source.read(access, offset, count)

    return fetch


def _seeing(run: "Run", list_id: str) -> fetching.OnPage:
    """Notes the ids of each page. An id that is new is known from then on, but its first change is still to come."""

    def on_page(records: list[Record], last: bool) -> None:
        ids = [detection.dotted(record, run.configuration.id_field) for record in records]
        rows = [
            TrackedObject(
                poller=run.poller, object_id=str(each)[:300], version="", record="", sequence=0,
                list_id=list_id, seen_sweep=run.sweep_ms or 0,
            )
            for each in dict.fromkeys(each for each in ids if each not in (None, ""))
        ]  # fmt: skip
        with transaction.atomic():
            TrackedObject.objects.bulk_create(
                rows,
                update_conflicts=True,
                unique_fields=["poller", "object_id"],
                update_fields=["list_id", "seen_sweep"],
                batch_size=AT_ONCE,
            )
        run.pages_stored += 1
        run.poll.records_read += len(records)

    return on_page


def _end(run: "Run", list_id: str, began_ms: int, store: Store) -> None:
    """Every page was read: what was not seen is gone."""
    gone = TrackedObject.objects.filter(
        poller=run.poller, list_id=list_id, deleted=False, seen_sweep__lt=began_ms
    ).order_by("pk")
    ids = list(gone.values_list("object_id", flat=True))
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        memory = recording.remembered(run.poller.pk, some)
        id_field = run.configuration.id_field
        store(run, [detection.deleted(each, memory[each], id_field, began_ms) for each in some])
    Position.objects.update_or_create(
        poller=run.poller,
        list_id=list_id,
        defaults={"swept_ms": began_ms},
        create_defaults={"swept_ms": began_ms, "position_ms": run.poller.started_ms},
    )
