"""What stands between a change in Act-On and the callback: each thing that can, checked, in the order of its way."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.html import format_html

from console.templatetags.moments import utc, utc_ms
from elements.acton.sources import Source, source_of
from events import retry
from instances.configuration import ConfigurationError
from instances.models import Instance
from polling import configuration, templates
from polling.configuration import PollerConfiguration
from polling.models import Poll, Poller, Position


@dataclass(frozen=True)
class Fact:
    """One thing that was checked. `verdict`: good, bad (it is in the way), warn (it may be) or off (good to know)."""

    verdict: str
    text: str  # escaped where it is shown, unless it is safe already
    words: str = ""  # Act-On's or the callback's own
    link: str = ""  # where it is mended
    action: str = ""  # what the link says


def of_instance(instance: Instance) -> Iterator[Fact]:
    page = reverse("console:instance", args=[instance.pk])
    if instance.disabled:
        text = "The instance is disabled: it is not polled. Its position is kept; once enabled, it goes on from there."
        yield Fact("bad", text, link=page, action="Enable it")
    problem, since = instance.connection.problem, instance.connection.problem_since
    if problem:
        text = "It needs authentication: Act-On refused the hub {}. Nothing is polled meanwhile, and nothing is lost."
        again = reverse("console:edit", args=[instance.pk])
        yield Fact("bad", format_html(text, utc(since)), problem, again, "Authenticate again")
    if not instance.events_enabled:
        edit = reverse("console:edit", args=[instance.pk])
        yield Fact("bad", "Events are not enabled: it is not polled.", link=edit, action="Enable events")
    if instance.paused:
        yield Fact("bad", "It is paused: it is not polled until it goes on.", link=page, action="Go on")
    if instance.state == "polling":
        yield Fact("good", "The instance is enabled, authenticated, and has its events enabled.")


def of_callback(instance: Instance) -> Iterator[Fact]:
    subscription = instance.subscription
    page = reverse("console:instance", args=[instance.pk])
    if not instance.callback_url:
        yield Fact("bad", "It has no callback URL: nobody is told.", link=page, action="Open the instance")
    elif not subscription.active:
        text = "Its callback failed, and the subscription was deactivated: deliveries are queued."
        yield Fact("bad", text, link=f"{page}#waiting", action="Release them")
    elif subscription.failing_since:
        text = (
            "Its callback has accepted nothing since {}. After each attempt that fails it rests for {} to {} s, "
            "whatever is due; each delivery has pauses of its own besides, longer after every failure."
        )
        rests = (retry.LEAST_REST.seconds, retry.MOST_REST.seconds)
        said = format_html(text, utc(subscription.failing_since), *rests)
        yield Fact("bad", said, link=page, action="Open the instance")
    elif subscription.not_before:
        yield Fact("off", format_html("Its callback asked for patience until {}.", utc(subscription.not_before)))


def of_poller(
    poller: Poller, last: Poll | None, skipping: Poll | None, list_id: str, changed_ms: int | None, now: datetime
) -> Iterator[Fact]:
    """`list_id` and `changed_ms` (Act-On's clock) are the object's, where they are known.

    The poller's `of_the_list` holds its position in that list; its instance and connection are loaded.
    """
    try:
        parsed = configuration.load(poller.configuration, configuration.KEY, poller.resource)
        source = source_of(templates.fill(parsed.url, 0))
    except (ConfigurationError, ValueError) as error:
        yield Fact("bad", format_html("The poller of {} cannot be used.", poller.resource), str(error))
        return
    uncovered = list(_coverage(poller, parsed, source, list_id))
    yield from uncovered
    yield from _filters(poller, parsed, source)
    yield from _last_poll(poller, last)
    yield from _schedule(poller, last, now)
    yield from _position(poller, source, "" if uncovered else list_id, changed_ms)
    if skipping is not None:
        text = "Poll {} of {} left out {} that it could not read."
        passed = format_html(text, skipping.pk, poller.resource, _number(skipping.records_skipped, "record"))
        yield Fact("warn", passed, skipping.error)


def _coverage(poller: Poller, parsed: PollerConfiguration, source: Source, list_id: str) -> Iterator[Fact]:
    edit = reverse("console:edit", args=[poller.instance_id])
    if not (source.collection.is_contacts and list_id):
        return
    if not source.is_every_list and source.list_id != list_id:
        text = "The poller of {} reads list {} alone, not {}."
        yield Fact(
            "bad", format_html(text, poller.resource, source.list_id, list_id), parsed.url, edit, "Change its URL"
        )
    elif source.is_every_list and not parsed.lists.covers(list_id):
        excluded = list_id in parsed.lists.exclude
        text = "List {} is excluded from the poller of {}." if excluded else "List {} is not among those that {} reads."
        yield Fact("bad", format_html(text, list_id, poller.resource), link=edit, action="Change its lists")


def _filters(poller: Poller, parsed: PollerConfiguration, source: Source) -> Iterator[Fact]:
    if source.rest is not None:
        text = "The URL of {} has a filter of its own: records that do not match it are left out."
        yield Fact("warn", format_html(text, poller.resource), parsed.url)
    if not parsed.filter_by_updated_date:
        text = "{} are compared by their created date (filterByUpdatedDate is off): changes of older ones are left out."
        yield Fact("warn", format_html(text, poller.resource))
    if parsed.poll_delay:
        yield Fact("off", format_html("Each poll of {} reads {} s further back.", poller.resource, parsed.poll_delay))


def _last_poll(poller: Poller, last: Poll | None) -> Iterator[Fact]:
    page = reverse("console:instance", args=[poller.instance_id])
    if last is None:
        text = "{} were not polled yet; the first poll is due {}."
        yield Fact("bad", format_html(text, poller.resource, utc(poller.next_poll_at)), link=page, action="Poll now")
    elif last.status == Poll.Status.FAILED:
        text = "The last poll of {} failed {}, {} in a row. It is tried again {}."
        failed = format_html(text, poller.resource, utc(last.finished_at), poller.failures, utc(poller.next_poll_at))
        yield Fact("bad", failed, last.error, page, "Open the instance")
    elif last.status == Poll.Status.SUCCEEDED:
        text = "The last poll of {} ended well {}; it read {} and found {}. The next one is due {}."
        read, made = _number(last.records_read, "record"), _number(last.events_created, "event")
        found = (poller.resource, utc(last.finished_at), read, made, utc(poller.next_poll_at))
        yield Fact("good", format_html(text, *found))
    else:
        yield Fact("off", format_html("A poll of {} is {} just now.", poller.resource, last.status))


def _number(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _schedule(poller: Poller, last: Poll | None, now: datetime) -> Iterator[Fact]:
    """A poller that should have run and did not."""
    instance = poller.instance
    late_since = poller.late_since(last, now) if instance.state == "polling" else None
    if late_since is not None:
        text = "{} should have been polled {}, and were not. Is the worker running?"
        page = reverse("console:instance", args=[instance.pk])
        due = format_html(text, poller.resource, utc(late_since))
        yield Fact("bad", due, link=page, action="Open the instance")


def _position(poller: Poller, source: Source, list_id: str, changed_ms: int | None) -> Iterator[Fact]:
    started = format_html("Events were enabled {} (Act-On's time)", utc_ms(poller.started_ms))
    if changed_ms is not None and changed_ms <= poller.started_ms:
        yield Fact("bad", format_html("{}, after the change: what changed before is not sent.", started))
    else:
        yield Fact("off", format_html("{}. What changed before is not sent.", started))
    if source.collection.is_contacts and not list_id:
        return
    where = format_html("List {}", list_id) if source.collection.is_contacts else format_html("{}", poller.resource)
    yield _how_far(poller, next(iter(poller.of_the_list), None), where, changed_ms)  # type: ignore[attr-defined]


def _how_far(poller: Poller, position: Position | None, where: str, changed_ms: int | None) -> Fact:
    """A good poll reads no list that did not change: one without a position, or with an old one, may be complete."""
    checked_ms = poller.checked_ms
    if position is None and checked_ms is None:
        return Fact(
            "warn", format_html("{} was not read yet: no poll has reached it, or Act-On does not list it.", where)
        )
    if position is None:
        text = "{} did not change up to {} (Act-On's time), so no poll had to read it; or Act-On does not list it."
        read = format_html(text, where, utc_ms(checked_ms))
    else:
        read = format_html("{} is read up to {} (Act-On's time)", where, utc_ms(position.position_ms))
        if checked_ms is not None and checked_ms > position.position_ms:
            read = format_html("{}, and did not change after that up to {}", read, utc_ms(checked_ms))
        if changed_ms is not None and changed_ms <= position.position_ms:
            return Fact("good", format_html("{}, past the change.", read))
        read = format_html("{}.", read)
    if changed_ms is None:
        return Fact("off" if position is None else "good", read)
    if changed_ms > max(checked_ms or 0, position.position_ms if position else 0):
        text = "{} That is before the change. The next poll is due {}."
        page = reverse("console:instance", args=[poller.instance_id])
        return Fact("bad", format_html(text, read, utc(poller.next_poll_at)), link=page, action="Poll now")
    return Fact("warn", format_html("{} Act-On told of no change in it at that time.", read))
