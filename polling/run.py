"""One poll: which lists changed, what changed in them, and where the positions move (DESIGN promises 1 to 4, 6).

A poll is a generator: it yields the calls it wants made and gets their pages, so that HTTP waits happen in threads
that touch no database (see `polling.driver`). All of its own code runs in the one database thread.
"""

import logging
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from elements.acton import resources
from elements.acton.exceptions import ActOnError, NeedsAuthentication, Throttled, Unauthorized
from elements.acton.resources import MOST_A_PAGE, Page, Record
from elements.acton.sources import source_of
from elements.models import Connection
from events import recording
from events.changes import NewChange
from polling import backfill, detection, fetching, sweep, templates
from polling.configuration import PollerConfiguration
from polling.fetching import Bookmark, Call
from polling.models import Poll, Poller, Position
from polling.order import Order

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)  # renewed all the while; so long a killed process holds others up
FULL_SWEEP = timedelta(hours=24)  # a list is read this often whatever tsLastModified says
MOST_UNREACHABLE_IN_A_ROW = 2
UNFILTERED_PAGE = 20  # records a page of what Act-On does not filter by date (CONTRACT §4)


class LeaseLost(Exception):
    """Another process has taken the poll over; nothing more of it may be stored here."""


class SliceOver(Exception):
    """Thrown into a poll that has worked long enough for now: it is queued again and goes on where it was."""


@dataclass
class Run:
    """One poll under way."""

    poll: Poll
    holder: str
    configuration: PollerConfiguration
    moment_ms: int | None = None  # where the positions move: Act-On's time at the poll's first answer
    current: str | None = None  # the list that is being read
    bookmark: Bookmark = field(default_factory=Bookmark)
    errors: list[str] = field(default_factory=list)
    order: Order = field(default_factory=Order)  # how the dates of the list that is read have come so far
    sweep_ms: int | None = None  # when the sweep of ids began that is under way (Act-On's clock)
    done: set[str] = field(default_factory=set)  # the lists that this poll has read, in earlier slices too
    pages_stored: int = 0  # in this slice

    @property
    def list_id(self) -> str:
        """The list that is read or swept."""
        return (self.current or "").removeprefix(sweep.SWEEP)

    @property
    def poller(self) -> Poller:
        return self.poll.poller

    @property
    def connection(self) -> Connection:
        return self.poller.instance.connection


def steps(run: Run) -> Generator[Call, Page, None]:
    """The whole poll. Raises what makes going on pointless; what concerns one list alone is noted and passed over."""
    target = source_of(templates.fill(run.configuration.url, 0))
    names: dict[str, tuple[str, int | None]] = {target.list_id: ("", None)}
    if target.is_every_list:
        found = yield from _lists(run)
        names = {list_id: told for list_id, told in found.items() if run.configuration.lists.covers(list_id)}
    if only := (run.poll.backfill or {}).get("list"):
        if only not in names:
            run.errors.append(f"list {only}: is not one that this poller covers")
        names = {list_id: told for list_id, told in names.items() if list_id == only}
    positions = {row.list_id: row for row in run.poller.positions.all()}
    unreachable = 0
    for list_id, (name, modified_ms) in _resumed_first(names, run).items():
        try:
            yield from _visit(run, list_id, name, modified_ms, positions.get(list_id))
            unreachable = 0
        except (Throttled, NeedsAuthentication, Unauthorized):
            raise
        except ActOnError as error:
            run.errors.append(f"list {list_id}: {error}")
            unreachable = unreachable + 1 if error.status is None else 0
            if unreachable >= MOST_UNREACHABLE_IN_A_ROW:
                return


def _visit(run: Run, list_id: str, name: str, modified_ms: int | None, position: Position | None) -> fetching.Reading:
    """What is due of one list: its changes, then, where deletes are wanted, a sweep of its ids."""
    if run.poll.backfill is not None:
        if list_id not in run.done:
            yield from _read_list(run, list_id, name, int(run.poll.backfill["from"]))
        return
    position_ms = position.position_ms if position is not None else run.poller.started_ms
    if list_id not in run.done and _is_due(run, position_ms, modified_ms):
        yield from _read_list(run, list_id, name, last_poll_ms(run.poller, run.configuration, position_ms))
    if run.configuration.detect_deletes:
        yield from _noting_moment(run, sweep.sweep_when_due(run, list_id, store))


def last_poll_ms(poller: Poller, configuration: PollerConfiguration, position_ms: int) -> int:
    """The last poll date, in filters and templates alike (CONTRACT §4); never before events were enabled."""
    reach_back_ms = (configuration.poll_delay + settings.POLL_OVERLAP_SECONDS) * 1000
    return max(position_ms - reach_back_ms, poller.started_ms)


def _resumed_first(names: dict[str, tuple[str, int | None]], run: Run) -> dict[str, tuple[str, int | None]]:
    """The lists, the one that the last slice left first."""
    if run.list_id not in names:
        run.current, run.bookmark = None, Bookmark()
        return names
    return {run.list_id: names[run.list_id]} | names


def _lists(run: Run) -> Generator[Call, Page, dict[str, tuple[str, int | None]]]:
    """The account's lists: id → name and when it was modified (ms; None where Act-On does not say)."""
    found: dict[str, tuple[str, int | None]] = {}

    def on_page(rows: list[Record], last: bool) -> None:
        for row in rows:
            modified = row.get("tsLastModified")
            found[row["id"]] = (str(row.get("name", "")), modified if isinstance(modified, int) else None)

    def fetch(access: resources.Access, offset: int, count: int) -> Page:
        return resources.lists(access, offset=offset, count=count)

    yield from _noting_moment(run, fetching.read_whole(fetch, on_page, Bookmark()))
    return found


def _is_due(run: Run, position_ms: int, modified_ms: int | None) -> bool:
    """Whether a list has to be read: it changed since its last poll date, or was not read for long."""
    if run.moment_ms is None or modified_ms is None:
        return True
    if run.moment_ms - position_ms >= FULL_SWEEP.total_seconds() * 1000:
        return True
    return modified_ms > last_poll_ms(run.poller, run.configuration, position_ms)


def _noting_moment(run: Run, reading: fetching.Reading) -> fetching.Reading:
    """Pass a reading on; the first answer of the poll sets where the positions will move.

    It is Act-On's time, at most our own: ahead of Act-On's a position would lose what changes meanwhile. What came
    before events were enabled does not matter.
    """
    answer: Page | None = None
    error: ActOnError | None = None
    while True:
        try:
            call = (
                reading.throw(error) if error is not None else next(reading) if answer is None else reading.send(answer)
            )
        except StopIteration:
            return
        error = None
        now_ms = int(timezone.now().timestamp() * 1000)
        try:
            answer = yield call
        except ActOnError as failure:
            error = failure
            continue
        if run.moment_ms is None:
            date_ms = int(answer.date.timestamp() * 1000) if answer.date else now_ms
            run.moment_ms = max(min(date_ms, now_ms), run.poller.started_ms)


def _read_list(run: Run, list_id: str, name: str, since_ms: int) -> fetching.Reading:
    """Every change of one list since `since_ms`, stored page by page; the position moves with the last of them."""
    source = source_of(templates.fill(run.configuration.url, since_ms))
    if run.current != list_id:
        run.current, run.bookmark, run.order = list_id, Bookmark(), Order()

    def fetch(access: resources.Access, offset: int, count: int) -> Page:
        return source.read(access, offset, count, list_id=list_id)

    def on_page(records: list[Record], last: bool) -> bool:
        # What Act-On does not filter by date is read until it is old enough, where it comes newest first.
        enough = last or (not source.bounds and run.order.is_old_enough(records, since_ms, run.configuration))
        # A backfill would count the overlap as something that was stored before; a poll remembers what it has seen.
        unread = records if run.poll.backfill is None else fetching.unread(records, run.bookmark)
        with transaction.atomic():
            _store(run, [record for record in unread if source.matches(record)], since_ms)
            if enough and run.poll.backfill is None:
                _move_position(run, list_id, name)
        return enough

    if run.poll.from_ms is None or since_ms < run.poll.from_ms:
        run.poll.from_ms = since_ms
    count = run.configuration.page_size or (MOST_A_PAGE if source.collection.is_contacts else UNFILTERED_PAGE)
    yield from _noting_moment(run, fetching.read_whole(fetch, on_page, run.bookmark, count=max(count, 2)))
    run.done.add(list_id)
    run.current, run.bookmark = None, Bookmark()


def _move_position(run: Run, list_id: str, name: str) -> None:
    if run.moment_ms is None:
        raise ActOnError("The poll has no answer to take its moment from")
    Position.objects.update_or_create(
        poller=run.poller, list_id=list_id, defaults={"position_ms": run.moment_ms, "list_name": name}
    )


def _store(run: Run, records: list[Record], since_ms: int) -> None:
    """Store what is new in these records, under the poll's lease."""
    sightings = _sightings(run, records, since_ms)
    if run.poll.backfill is not None:
        changes = backfill.changes(run, sightings)
    else:
        changes = new_changes(run.poller.pk, sightings, run.configuration)
    if run.poller.checked_ms is None and run.poll.backfill is None:
        # Without a date nothing tells what was there before events were enabled: the first poll takes stock.
        undated = {each.object_id for each in sightings if each.updated_ms is None and each.created_ms is None}
        stock = [change for change in changes if change.object_id in undated]
        recording.remember(run.poller.pk, stock, run.list_id)
        changes = [change for change in changes if change.object_id not in undated]
    run.poll.records_read += len(records)
    store(run, changes)


def store(run: Run, changes: list[NewChange]) -> None:
    """Store these changes, under the poll's lease; the caller's transaction holds it."""
    recording.record(
        run.poller.instance,
        poller_id=run.poller.pk,
        poll_id=run.poll.pk,
        object_type=run.poller.resource,
        changes=changes,
        now=timezone.now(),
        list_id=run.list_id,
    )
    run.pages_stored += 1
    run.poll.events_created += len(changes)
    renew_lease(run)


def _sightings(run: Run, records: list[Record], since_ms: int) -> list[detection.Sighting]:
    """The records of the window, by id, each once; one that cannot be read is counted, named and passed over."""
    by_id: dict[str, detection.Sighting] = {}
    for record in records:
        try:
            sighting = detection.sight(record, run.configuration)
        except ValueError as error:
            run.poll.records_skipped += 1
            if not any("skipped" in text for text in run.errors):
                run.errors.append(f"skipped: {error}")
            continue
        if detection.in_window(sighting, since_ms, run.configuration, run.moment_ms):
            by_id[sighting.object_id] = sighting
    return list(by_id.values())


def new_changes(
    poller_id: int, sightings: list[detection.Sighting], configuration: PollerConfiguration
) -> list[NewChange]:
    """What of this was not stored before, as changes (DESIGN promise 2)."""
    memory = recording.remembered(poller_id, [sighting.object_id for sighting in sightings])
    fresh = [
        sighting
        for sighting in sightings
        if sighting.object_id not in memory or memory[sighting.object_id].version != sighting.version
    ]
    stored = recording.stored_versions(poller_id, [(sighting.object_id, sighting.version) for sighting in fresh])
    changes = []
    for sighting in fresh:
        before = memory.get(sighting.object_id)
        found = detection.change(sighting, before, configuration)
        if before is not None and before.deleted:
            changes.append(detection.come_back(found))
        elif (sighting.object_id, sighting.version) not in stored:
            changes.append(found)
    return changes


def renew_lease(run: Run) -> None:
    """Keep the poll and its connection for another term. Raises LeaseLost where they are somebody else's by now."""
    until = timezone.now() + LEASE
    poll = run.poll
    held = Poll.objects.filter(pk=poll.pk, holder=run.holder, status=Poll.Status.RUNNING).update(
        lease_until=until,
        requests=poll.requests,
        records_read=poll.records_read,
        events_created=poll.events_created,
        records_skipped=poll.records_skipped,
        repeated=poll.repeated,
    )
    if not held:
        raise LeaseLost(f"poll {poll.pk}")
    Connection.objects.filter(pk=run.connection.pk, poll_lease_holder=run.holder).update(poll_lease_until=until)
