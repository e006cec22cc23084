"""Drives polls: makes their calls in threads, keeps to the limits, ends each poll one way or another.

The thread that calls `run_polls` is the only one here that touches the database.
"""

import logging
import time
from collections.abc import Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from acton_hub import masking, tallies
from acton_hub.stopping import stopping
from elements.acton import connections, limits
from elements.acton.exceptions import ActOnError, NeedsAuthentication, SlotMissed, Throttled, Unauthorized
from elements.acton.lateness import MOST_MISSES
from elements.acton.resources import Access, Page
from elements.models import Connection
from instances.configuration import ConfigurationError
from polling import claims, configuration, run, schedule
from polling.fetching import Bookmark, Call
from polling.models import Poll, Poller
from polling.order import Order
from polling.run import LeaseLost, Run, SliceOver

logger = logging.getLogger(__name__)

WAIT_FOR_TOKEN_S = 5.0  # all polls of the batch wait with it, and their leases run
WAIT_FOR_SLOT_S = 10.0  # a call that would have to wait longer is put off, with its poll
RENEW_EVERY_S = 5.0
SLICE_S = 5.0  # a poll that takes longer makes room and goes on in another task


@dataclass
class Underway:
    """A poll between two of its calls."""

    run: Run
    steps: Generator[Call, Page, None]
    call: Call | None = None
    token: str = ""
    leave_at: float = 0.0
    renewed: bool = False  # whether the token of this very call was refused and renewed already
    misses: int = 0  # how often this very call missed its moment


def run_polls(holder: str, polls: list[Poll]) -> None:
    """Run the polls, which `holder` has claimed, side by side; returns when each has ended or has given way."""
    until = time.monotonic() + SLICE_S
    pending: dict[Future[Page], Underway] = {}
    with ThreadPoolExecutor(max_workers=max(1, len(polls))) as pool:
        for poll in polls:
            begun = _begin(poll, holder)
            if begun is not None:
                _advance(begun, None, None, pool, pending, until)
        renew_at = time.monotonic() + RENEW_EVERY_S
        while pending:
            done = wait(pending, timeout=RENEW_EVERY_S, return_when=FIRST_COMPLETED).done
            if not done:
                _renew_leases(pending.values())
                renew_at = time.monotonic() + RENEW_EVERY_S
            for future in done:
                if time.monotonic() > renew_at:  # here, since what came in at once may take long to store
                    _renew_leases(pending.values())
                    renew_at = time.monotonic() + RENEW_EVERY_S
                underway = pending.pop(future)
                error = future.exception()
                settle = limits.missed if isinstance(error, SlotMissed) else limits.answered
                settle(underway.run.connection.budget_id, underway.leave_at)
                if error is None:
                    _advance(underway, future.result(), None, pool, pending, until)
                elif isinstance(error, ActOnError):
                    _failed_call(underway, error, pool, pending, until)
                else:
                    logger.error("poll failed %s", _ids(underway.run), exc_info=error)
                    _fail(underway.run, f"The hub failed: {type(error).__name__}: {error}")


def _renew_leases(waiting: Iterable[Underway]) -> None:
    """Keep what waits for answers; where a lease was lost, the poll itself notices when it stores."""
    for underway in waiting:
        try:
            run.renew_lease(underway.run)
        except LeaseLost as lost:
            logger.warning("lease lost %s", lost)


def _begin(poll: Poll, holder: str) -> Underway | None:
    try:
        parsed = configuration.load(poll.poller.configuration, "event.poller.configuration", poll.poller.resource)
    except ConfigurationError as error:
        _fail(Run(poll, holder, configuration.PollerConfiguration.model_construct()), str(error))
        return None
    resume = poll.resume or {}
    bookmark = Bookmark(resume.get("offset", 0), set(resume.get("landmarks", [])))
    state = Run(
        poll,
        holder,
        parsed,
        moment_ms=resume.get("moment_ms"),
        current=resume.get("current"),
        bookmark=bookmark,
        order=Order(falling=not resume),  # what was read before is not known here: then read on to the end
        done=set(resume.get("done", [])),
        sweep_ms=resume.get("sweep_ms"),
    )
    return Underway(state, run.steps(state))


def _failed_call(
    underway: Underway, error: ActOnError, pool: ThreadPoolExecutor, pending: dict[Future[Page], Underway], until: float
) -> None:
    """Renew a refused token once, replace a missed moment, pause a throttled account; the poll judges the rest."""
    connection = underway.run.connection
    try:
        if isinstance(error, Unauthorized) and not underway.renewed:
            underway.renewed = True
            underway.token = connections.access_token(connection.pk, refused=underway.token, wait_s=WAIT_FOR_TOKEN_S)
            _submit(underway, pool, pending)
            return
        if isinstance(error, SlotMissed):
            underway.misses += 1
            underway.run.poll.requests -= 1
            if underway.misses >= MOST_MISSES:
                raise Throttled(limits.TOO_BUSY, retry_after=1.0)
            _submit(underway, pool, pending)
            return
    except ActOnError as failure:
        error = failure
    except Exception as defect:  # its connection is gone, or the database is busy: that concerns this poll alone
        logger.exception("poll failed %s", _ids(underway.run))
        _fail(underway.run, f"The hub failed: {type(defect).__name__}: {defect}")
        return
    if isinstance(error, Throttled) and error.status is not None:
        error.retry_after = limits.slow_down(connection.budget_id, error.retry_after or None)
    _advance(underway, None, error, pool, pending, until)


def _advance(
    underway: Underway,
    page: Page | None,
    error: ActOnError | None,
    pool: ThreadPoolExecutor,
    pending: dict[Future[Page], Underway],
    until: float,
) -> None:
    """Hand the poll what came of its last call, and make the next one; or end the poll."""
    state = underway.run
    try:
        if error is not None:
            underway.call = underway.steps.throw(error)
        elif page is not None:
            underway.call = underway.steps.send(page)
        else:
            underway.call = next(underway.steps)
        if stopping() or (state.pages_stored and time.monotonic() > until):
            underway.steps.throw(SliceOver())
        underway.renewed, underway.misses = False, 0
        underway.token = connections.access_token(state.connection.pk, wait_s=WAIT_FOR_TOKEN_S)
        _submit(underway, pool, pending)
    except StopIteration:
        _end(state)
    except SliceOver:
        _give_way(state)
    except LeaseLost as lost:
        logger.warning("lease lost %s", lost)
    except NeedsAuthentication as refused:
        _fail(state, str(refused))
    except Throttled as throttled:
        _fail(state, str(throttled), throttled.retry_after)
    except ActOnError as failure:
        _fail(state, str(failure))
    except Exception as defect:
        logger.exception("poll failed %s", _ids(state))
        _fail(state, f"The hub failed: {type(defect).__name__}: {defect}")


def _submit(underway: Underway, pool: ThreadPoolExecutor, pending: dict[Future[Page], Underway]) -> None:
    """Reserve the call and let a thread make it. Raises Throttled where no slot is near."""
    state, call = underway.run, underway.call
    if call is None:
        raise RuntimeError("a poll without a call cannot be submitted")
    underway.leave_at = limits.reserve_call(state.connection.budget_id, wait_s=WAIT_FOR_SLOT_S)
    state.poll.requests += 1
    access = Access(state.connection.api_url, underway.token, underway.leave_at)
    pending[pool.submit(call.fetch, access)] = underway


def _end(state: Run) -> None:
    """Every list was tried. With an error in one of them the poll has failed, and what could be read is stored."""
    real_errors = [text for text in state.errors if not text.startswith("skipped")]
    if real_errors:
        _fail(state, "; ".join(state.errors))
        return
    limits.speed_up(state.connection.budget_id)
    now = timezone.now()
    with transaction.atomic():
        if state.poll.events_created:
            logger.info("poll succeeded %s events=%s", _ids(state), state.poll.events_created)
        if _close(state, Poll.Status.SUCCEEDED, "; ".join(state.errors)) and state.poll.backfill is None:
            Poller.objects.filter(pk=state.poller.pk).update(failures=0, checked_ms=state.moment_ms)
            if state.poller.failures:  # the interval returns with the first success
                Poller.objects.filter(pk=state.poller.pk).update(
                    next_poll_at=schedule.next_poll(state.poller.schedule_key, state.poller.interval, now),
                    scheduled_at=now,
                )


def _fail(state: Run, error: str, retry_after_s: float = 0.0) -> None:
    """The poll ends as failed; it is tried again after a growing pause, unless only a person can help."""
    now = timezone.now()
    poller, error = state.poller, masking.in_words(error)
    logger.warning("poll failed %s error=%r", _ids(state), error)
    with transaction.atomic():
        if _close(state, Poll.Status.FAILED, error) and state.poll.backfill is None:
            Poller.objects.filter(pk=poller.pk).update(
                failures=F("failures") + 1,
                next_poll_at=schedule.after_failure(poller.failures + 1, poller.interval, retry_after_s, now),
                scheduled_at=now,
            )


def _ids(state: Run) -> str:
    return f"poll={state.poll.pk} poller={state.poller.pk} instance={state.poller.instance_id}"


def _close(state: Run, status: str, error: str) -> bool:
    """Write the poll's end, if it still is ours, and let go of the connection."""
    poll = state.poll
    held = Poll.objects.filter(pk=poll.pk, holder=state.holder, status=Poll.Status.RUNNING).update(
        status=status,
        error=error[:5000],
        finished_at=timezone.now(),
        lease_until=None,
        resume=None,
        from_ms=poll.from_ms,
        to_ms=state.moment_ms if status == Poll.Status.SUCCEEDED else None,
        requests=poll.requests,
        records_read=poll.records_read,
        events_created=poll.events_created,
        records_skipped=poll.records_skipped,
    )
    if held:
        tallies.add(*claims.counted(poll, status))
    return bool(held)


def _give_way(state: Run) -> None:
    """Queue the poll again, to go on where it is."""
    Poll.objects.filter(pk=state.poll.pk, holder=state.holder, status=Poll.Status.RUNNING).update(
        status=Poll.Status.QUEUED,
        due_at=timezone.now(),
        holder="",
        lease_until=None,
        from_ms=state.poll.from_ms,
        requests=state.poll.requests,
        records_read=state.poll.records_read,
        events_created=state.poll.events_created,
        records_skipped=state.poll.records_skipped,
        repeated=state.poll.repeated,
        resume={
            "moment_ms": state.moment_ms,
            "current": state.current,
            "done": sorted(state.done),
            "sweep_ms": state.sweep_ms,
            "offset": state.bookmark.offset,
            "landmarks": sorted(state.bookmark.landmarks),
        },
    )


def release_connections(holder: str) -> None:
    Connection.objects.filter(poll_lease_holder=holder).update(poll_lease_holder="", poll_lease_until=None)
