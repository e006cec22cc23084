"""Why a contact's change did not arrive: its whole story in one instance, each possible reason checked."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db.models import OuterRef, Prefetch, Subquery
from django.urls import reverse
from django.utils.html import format_html

from console import poller_facts
from console.event_log import with_deliveries
from console.poller_facts import Fact
from console.templatetags.moments import utc, utc_ms
from events.models import Change, Delivery, TrackedObject
from instances.models import Instance
from polling.models import Poll, Poller, Position

MOST_CHANGES = 20  # of an object, in one instance


@dataclass(frozen=True)
class Question:
    """What is asked: an object, and where it is known, when it changed (epoch ms, Act-On's clock)."""

    object_id: str
    changed_ms: int | None = None

    @property
    def list_id(self) -> str:
        """The list that a contact's id names; empty for what is of no list."""
        return self.object_id.rpartition(":")[0]


@dataclass(frozen=True)
class Story:
    """What one instance knows of the object, and what stands in its way."""

    instance: Instance
    headline: Fact
    facts: list[Fact] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    seen: bool = False

    @property
    def may_look(self) -> bool:
        """Whether Act-On can be asked for the record."""
        return not self.instance.connection.needs_authentication


@dataclass(frozen=True)
class _Known:
    pollers: list[Poller]
    last_polls: dict[int, Poll]  # by poller
    skipping: dict[int, Poll]  # the newest poll that left records out, by poller
    tracked: list[TrackedObject]
    changes: list[Change]


def of(instances: Sequence[Instance], question: Question, now: datetime) -> list[Story]:
    """The story in each of these instances, those that know the object first. Their connections and subscriptions must
    be loaded. The number of queries does not grow with them.
    """
    known = _known(instances, question)
    stories = [_story(instance, known[instance.pk], question, now) for instance in instances]
    return sorted(stories, key=lambda story: not story.seen)


def _known(instances: Sequence[Instance], question: Question) -> dict[int, _Known]:
    ids = [instance.pk for instance in instances]
    by_id = {instance.pk: instance for instance in instances}
    positions = Position.objects.filter(list_id=question.list_id)
    newest = Poll.objects.filter(poller=OuterRef("pk")).order_by("-pk").values("pk")
    pollers = list(
        Poller.objects.filter(instance__in=ids)
        .annotate(last=Subquery(newest[:1]), skipping=Subquery(newest.filter(records_skipped__gt=0)[:1]))
        .prefetch_related(Prefetch("positions", queryset=positions, to_attr="of_the_list"))
        .order_by("resource")
    )
    ids_of_polls = {pk for poller in pollers for pk in _polls_of(poller) if pk is not None}
    polls = {poll.pk: poll for poll in Poll.objects.filter(pk__in=ids_of_polls)}
    found = {pk: _Known([], {}, {}, [], []) for pk in ids}
    for poller in pollers:
        poller.instance = by_id[poller.instance_id]
        mine = found[poller.instance_id]
        mine.pollers.append(poller)
        last, skipping = _polls_of(poller)
        if last in polls:
            mine.last_polls[poller.pk] = polls[last]
        if skipping in polls:
            mine.skipping[poller.pk] = polls[skipping]
    instance_of = {poller.pk: poller.instance_id for poller in pollers}
    for row in TrackedObject.objects.filter(poller__in=instance_of, object_id=question.object_id).defer("record"):
        found[instance_of[row.poller_id]].tracked.append(row)
    changes = with_deliveries(Change.objects.filter(instance__in=ids, object_id=question.object_id))
    by_instance: dict[int, list[Change]] = defaultdict(list)
    for change in changes[: MOST_CHANGES * 10]:
        by_instance[change.instance_id].append(change)
    for pk, rows in by_instance.items():
        found[pk].changes.extend(rows[:MOST_CHANGES])
    return found


def _polls_of(poller: Poller) -> tuple[int | None, int | None]:
    """The ids of its newest poll and of the newest that left records out, as the query told."""
    return poller.last, poller.skipping  # type: ignore[attr-defined]


def _story(instance: Instance, known: _Known, question: Question, now: datetime) -> Story:
    facts = list(poller_facts.of_instance(instance))
    for poller in known.pollers:
        last, skipping = known.last_polls.get(poller.pk), known.skipping.get(poller.pk)
        facts += poller_facts.of_poller(poller, last, skipping, question.list_id, question.changed_ms, now)
    if not known.pollers:
        facts.append(Fact("bad", "No resource is polled: the configuration names none."))
    own = list(_of_object(known, question))
    facts = own + facts + list(poller_facts.of_callback(instance))
    seen = bool(known.changes or known.tracked)
    return Story(instance, _headline(instance, known, facts, seen), facts, known.changes, seen)


def _headline(instance: Instance, known: _Known, facts: list[Fact], seen: bool) -> Fact:
    """The one sentence: what became of the newest change or, where there is none, the first thing in the way."""
    if known.changes:
        return _of_delivery(known.changes[0], instance)
    problem = next((fact for fact in facts if fact.verdict == "bad"), None)
    if problem is not None:
        return problem
    if seen:
        return Fact("warn", "It is known, but no change of it is kept.")
    return Fact("warn", "It was never seen, and nothing known here is in its way. Ask Act-On.")


def _of_object(known: _Known, question: Question) -> Iterator[Fact]:
    """What is remembered of the object itself."""
    for row in known.tracked:
        poller = next(each for each in known.pollers if each.pk == row.poller_id)
        dated = row.version.partition(":")[0]
        version = (
            format_html(", dated {} in Act-On,", utc_ms(int(dated))) if dated.isdigit() and ":" in row.version else ""
        )
        if row.deleted:
            yield Fact("warn", "It was deleted in Act-On: a sweep of the list's ids did not find it.")
            continue
        yield Fact(
            "good",
            format_html(
                "{} know it: its last version{} was seen in {}. Read again with this version, it is told once only.",
                poller.resource, version, f"list {row.list_id}" if row.list_id else "no list",
            ),
        )  # fmt: skip
        gone = row.sequence - sum(change.poller_id == row.poller_id for change in known.changes)
        if gone > 0 and len(known.changes) < MOST_CHANGES:
            days = settings.EVENT_RETENTION_DAYS
            yield Fact(
                "warn",
                format_html(
                    "{} of its changes {} not kept any more: what was delivered is pruned after {} day{}, and what was "
                    "there before events were enabled is remembered without being told.",
                    gone, "is" if gone == 1 else "are", days, "" if days == 1 else "s",
                ),
            )  # fmt: skip
    if not known.tracked and not known.changes:
        yield Fact("warn", format_html("No poll has ever seen {}.", question.object_id))


def _of_delivery(change: Change, instance: Instance) -> Fact:
    """What became of its newest change, at the instance's own callback."""
    notification = getattr(change.event, "notification", None)
    deliveries = list(notification.deliveries.all()) if notification else []
    if not deliveries:
        return Fact("bad", format_html("Its last change was found {}, but nobody is to be told.", utc(change.found_at)))
    worst = next((row for row in deliveries if row.status != Delivery.Status.NOTIFIED), deliveries[0])
    found = format_html("Its last change ({}) was found {}", change.event_type, utc(change.found_at))
    if worst.status == Delivery.Status.NOTIFIED:
        return Fact("good", format_html("It arrived. {}, and accepted {}.", found, utc(worst.updated_at)))
    if worst.status == Delivery.Status.QUEUED:
        text = format_html("{}; its delivery is queued and waits to be released.", found)
        if worst.subscription_id == instance.subscription.pk:  # what waits for a user's own is not on that page
            link = f"{reverse('console:instance', args=[instance.pk])}#waiting"
            return Fact("bad", text, worst.last_error, link, "Release it")
    elif worst.status == Delivery.Status.RETRY:
        plural = "" if worst.attempts_made == 1 else "s"
        due = utc(worst.next_attempt_at) or "not planned"
        text = format_html("{}; {} attempt{} failed, the next one: {}.", found, worst.attempts_made, plural, due)
    else:
        text = format_html("{}; its delivery waits for its turn.", found)
    return Fact("bad", text, words=worst.last_error)
