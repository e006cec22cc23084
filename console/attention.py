"""What needs somebody, each with a link to where it is mended."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Avg, Count, Max, OuterRef, Q, Subquery
from django.urls import reverse

from acton_hub import masking
from elements.acton import limits
from elements.acton.limits import Usage
from elements.models import CallBudget
from events.models import Attempt, Delivery, SetAside, Subscription
from instances.models import Instance
from polling.models import Poll

SHOWN = 5  # of each kind
SLOW_MS = 1000
LATEST_ATTEMPTS = 10_000  # are looked at: of the whole hub, since only their ids tell which are young
LATELY = timedelta(hours=24)
# What is wrong with an instance, in the order of how bad it is; the states are those of the list of instances.
WRONG = {
    "needs authentication": "Act-On refuses the hub. Nothing is polled until somebody authenticates again.",
    "late": "It should have been polled and was not. Is the worker running?",
    "failing": "Its last poll failed; it is tried again.",
}


@dataclass(frozen=True)
class Item:
    """One thing that is wrong. `words` are Act-On's or the callback's own."""

    kind: str  # the state's word
    title: str
    text: str
    link: str
    action: str
    words: str = ""
    since: datetime | None = None


@dataclass(frozen=True)
class Callback:
    """How long one callback took lately."""

    url: str
    link: str
    attempts: int
    mean_ms: int
    longest_ms: int
    unanswered: int


def of_instances(states: dict[int, str]) -> list[Item]:
    """What is wrong with instances whose states (by id) are these, worst first. One query."""
    wrong = [pk for word in WRONG for pk, state in states.items() if state == word]
    failed = Poll.objects.filter(poller__instance=OuterRef("pk"), status=Poll.Status.FAILED).order_by("-pk")
    rows = (
        Instance.objects.filter(pk__in=wrong[: SHOWN * len(WRONG)])
        .annotate(error=Subquery(failed.values("error")[:1]))
        .values("pk", "name", "connection__problem", "connection__problem_since", "error")
    )
    found = {row["pk"]: _of_instance(dict(row), states[row["pk"]]) for row in rows}
    return [found[pk] for pk in wrong if pk in found]


def _of_instance(row: dict[str, Any], state: str) -> Item:
    page = reverse("console:instance", args=[row["pk"]])
    if state == "needs authentication":
        words, since = row["connection__problem"], row["connection__problem_since"]
        return Item(state, row["name"], WRONG[state], page, "Authenticate again", words, since)
    return Item(state, row["name"], WRONG[state], page, "Open it", (row["error"] or "") if state == "failing" else "")


def of_events(organization_id: int) -> list[Item]:
    """Events from outside of which nothing can be made. One query."""
    rows = SetAside.objects.filter(event__instance__organization=organization_id).select_related("event__instance")
    return [
        Item(
            "failing",
            f"{row.event.instance.name}: event {row.event_id}",
            f"It came from outside, and the hub fails to make a notification of it ({row.failures} times so far). "
            "It is kept and tried again; others pass it.",
            reverse("console:instance", args=[row.event.instance_id]),
            "Open its instance",
            masking.in_words(row.problem),
            row.since,
        )
        for row in rows.order_by("since")[:SHOWN]
    ]


def of_callbacks(organization_id: int) -> list[Item]:
    """Callbacks that accept nothing, and what is queued for them. Two queries."""
    queued = dict(
        Delivery.objects.filter(status=Delivery.Status.QUEUED)
        .order_by()
        .values_list("subscription")
        .annotate(Count("pk"))
    )
    rows = (
        (Subscription.objects.failing() | Subscription.objects.filter(pk__in=queued))
        .filter(organization=organization_id)
        .select_related("instance")
        .order_by("active", "failing_since", "pk")
    )
    return [_of_callback(row, queued.get(row.pk, 0)) for row in rows[: 2 * SHOWN]]


def _of_callback(row: Subscription, queued: int) -> Item:
    events = f"{reverse('console:events')}?status=queued"
    if row.instance_id:
        events = f"{events}&instance={row.instance_id}"
    title = f"{row.instance.name} ({row.host})" if row.instance else row.url
    waiting = "One delivery is queued." if queued == 1 else f"{queued:,} deliveries are queued."
    if row.instance_id:
        link, action = f"{reverse('console:instance', args=[row.instance_id])}#waiting", "Release them"
    else:  # a subscription that a user made: no page is its own
        link, action = events, "Look at them"
    if not row.active:
        text = f"The callback failed, and is not called any more. {waiting}"
        return Item("deactivated", title, text, link, action, since=row.failing_since)
    if queued:
        text = f"{waiting} They wait until they are released."
        return Item("queued", title, text, link, action, since=row.failing_since)
    text = "The callback accepts nothing. One delivery at a time is tried."
    link = events.replace("queued", "retry")
    return Item("callback failing", title, text, link, "Look at its deliveries", since=row.failing_since)


def slow_callbacks(organization_id: int, now: datetime) -> list[Callback]:
    """The slowest callbacks of late, slowest first: those that take longer than SLOW_MS in the mean. Two queries."""
    newest = Subquery(Attempt.objects.order_by("-pk").values("pk")[:1])
    # Looked up one by one: a join would begin at the organization, and read everything that it ever sent.
    subscription = Delivery.objects.filter(pk=OuterRef("delivery")).values("subscription")
    rows = (
        Attempt.objects.filter(pk__gt=newest - LATEST_ATTEMPTS, started_at__gte=now - LATELY)
        .annotate(subscription=Subquery(subscription))
        .order_by()
        .values("subscription")
        .annotate(
            attempts=Count("pk"),
            mean=Avg("duration_ms"),
            longest=Max("duration_ms"),
            unanswered=Count("pk", filter=Q(status_code=None)),
        )
        .filter(mean__gte=SLOW_MS)
    )
    slow = {row["subscription"]: row for row in rows}
    mine = Subscription.objects.filter(pk__in=slow, organization=organization_id).select_related("instance")
    found = [_callback(each, dict(slow[each.pk])) for each in mine]
    return sorted(found, key=lambda callback: -callback.mean_ms)[:SHOWN]


def _callback(subscription: Subscription, row: dict[str, Any]) -> Callback:
    instance = subscription.instance
    return Callback(
        url=f"{instance.name} ({subscription.host})" if instance else subscription.url,
        link=reverse("console:instance", args=[instance.pk]) if instance else "",
        attempts=row["attempts"],
        mean_ms=round(row["mean"]),
        longest_ms=row["longest"],
        unanswered=row["unanswered"],
    )


@dataclass(frozen=True)
class Account:
    """An Act-On account, the instances that share its limits, and how much of them is used."""

    title: str
    instances: list[tuple[str, str]]  # name and page of the first ones
    further: int
    usages: list[Usage]

    @property
    def link(self) -> str:
        """Where the numbers are told in full."""
        return f"{self.instances[0][1]}#limits"


def limits_near(
    organization_id: int, sharing: dict[int, list[tuple[int, str]]], now: datetime
) -> tuple[list[Account], bool]:
    """The accounts with a limit that is near its end and those limits; where there is none, the account that has called
    most today, and False. `sharing` has the instances, id and name, of each budget. One query.
    """
    rows = list(
        CallBudget.objects.filter(connections__organization=organization_id, connections__instances__isnull=False)
        .annotate(account=Max("connections__account"), host=Max("connections__host"))
        .order_by("-day", "-day_calls")[:200]
    )
    # The calls of this second are over when one reads of them.
    used = {row.pk: limits.usage(row, now)[:2] for row in rows}
    near = [row for row in rows if any(each.is_near for each in used[row.pk])]
    chosen = near[:SHOWN] or rows[:1]
    accounts = [
        Account(
            f"{row.account or 'Account not named'} at {row.host.removeprefix('https://')}",
            [(name, reverse("console:instance", args=[pk])) for pk, name in sharing[row.pk][:SHOWN]],
            max(0, len(sharing[row.pk]) - SHOWN),
            [each for each in used[row.pk] if each.is_near or not near],
        )
        for row in chosen
        if row.pk in sharing
    ]
    return accounts, bool(near)
