"""Finds the rows of the event log, newest first by id, whatever the filter and however many changes there are.

Three ways, each quick where the one before it is not:

1. Where many pass, the ids next to the place hold a page of them: their rows are walked one by one.
2. Where few can pass (an object, a short time, a status that is rare), an index tells all that can.
3. Else the index that holds everything the log filters by is searched, without a look at the rows, which are wide.

Databases cannot choose between these on their own: they do not know how the few that pass lie. So the first way is
bounded by ids, the second hands over ids, and the third orders by an expression, which keeps the database from walking
the primary key after all.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from django.db.models import Exists, F, Max, Min, OuterRef, Q, QuerySet
from django.db.models.expressions import Combinable

from accounts.models import Organization
from console.event_filter import STUCK, Filter
from events.models import Change, Delivery, Event, EventStatus

NEAR_IDS = 20_000  # as many rows are walked one by one
FEW = 2000  # so many are looked up rather than searched for
COUNTED = 10_000


@dataclass(frozen=True)
class Count:
    """How many changes pass a filter: exactly, more than, or about so many."""

    number: int
    kind: str = ""  # "", "more than" or "about"


class Search:
    """What passes one filter, which must be valid."""

    def __init__(self, form: Filter) -> None:
        self.form = form
        self.status: str = form.cleaned_data["status"]
        self._number: int | None = None  # how many pass, up to one more than are counted, once that is known
        self.passing = Change.objects.filter(form.conditions(), instance__in=form.scope)

    def ids(self, most: int, *, before: int | None = None, after: int | None = None) -> list[int]:
        """Up to `most` ids, newest first: those next to, but not beyond, the place; without one, the newest."""
        if not self.form.scope:
            return []
        if self.form.is_one_instance_alone:
            return _nearest(self.passing, F("pk"), most, before, after)
        found = _nearest(self._near(before, after), F("pk"), most, before, after)
        if len(found) == most:
            return found
        if before is not None or after is not None:
            return _nearest(self._all, F("pk") + 0, most, before, after)
        # They are sought once, and counted on the way.
        found = _nearest(self._all, F("pk") + 0, max(most, COUNTED + 1), None, None)
        self._number = len(found)
        return found[:most]

    def ids_near(self, after: int, most: int) -> list[int]:
        """Up to `most` of the next ids after one, newest first; not looked for further on than near."""
        return _nearest(self._near(None, after), F("pk"), most, None, after) if self.form.scope else []

    def count(self, all_shown: int | None) -> Count:
        """How many there are; where one page shows all, it is known already."""
        if all_shown is not None:
            return Count(all_shown)
        number = self._number
        if number is None:
            number = self._all.order_by()[: COUNTED + 1].count() if self.form.scope else 0
        if number <= COUNTED:
            return Count(number)
        if not self.form.is_filtered and Organization.objects.count() == 1:
            # One after the other: SQLite reads the whole table for both at once.
            first, last = (Change.objects.aggregate(pk=end("pk"))["pk"] for end in (Min, Max))
            return Count(_rounded(last - first + 1), "about")
        return Count(COUNTED, "more than")

    def _near(self, before: int | None, after: int | None) -> QuerySet[Change]:
        if after is not None:
            near = Q(pk__lte=after + NEAR_IDS)
        else:
            top = before if before is not None else (Change.objects.aggregate(top=Max("pk"))["top"] or 0) + 1
            near = Q(pk__gte=top - NEAR_IDS)
        rows = self.passing.filter(near)
        if self.status in STUCK:
            stuck = Delivery.objects.filter(notification__event=OuterRef("event"), status=self.status)
            return rows.filter(Exists(stuck))
        return rows.filter(event__status=self.status) if self.status else rows

    @cached_property
    def _all(self) -> QuerySet[Change]:
        """All that passes: out of the few that can, where they are few."""
        few = self._few_events()
        if few is not None:
            return self.passing.filter(event__in=few)
        possible = self._few_changes()
        rows = self.passing if possible is None else self.passing.filter(pk__in=possible)
        return rows.filter(self._of_status())

    def _few_events(self) -> list[int] | None:
        """The events of a rare status."""
        if not self.status or self.status == EventStatus.NOTIFIED:
            return None
        return _few(self._with_status())

    def _few_changes(self) -> list[int] | None:
        """The changes of an object, of a time, or of the instances, by the narrowest that the filter names."""
        rows = Change.objects.filter(self.form.narrowest(), instance__in=self.form.scope)
        return _few(rows.values_list("pk", flat=True))

    def _of_status(self) -> Q:
        if not self.status:
            return Q()
        if self.status == EventStatus.NOTIFIED:
            return ~Q(event__in=_unsettled(self.form.scope).values("pk"))
        return Q(event__in=self._with_status())

    def _with_status(self) -> "QuerySet[Event, int] | QuerySet[Delivery, int | None]":
        """The ids of events with the status, which is not the one that most have."""
        if self.status in STUCK:
            # An expression of the instance, so that the few deliveries are looked at first, not all of its events.
            stuck = Delivery.objects.filter(status=self.status).annotate(of=F("notification__event__instance") + 0)
            return stuck.filter(of__in=self.form.scope).values_list("notification__event", flat=True)
        return _unsettled(self.form.scope).filter(status=self.status).values_list("pk", flat=True)


def _unsettled(scope: Iterable[int]) -> QuerySet[Event]:
    # Spelled as the condition of the index, which SQLite only uses then.
    return Event.objects.filter(instance__in=scope).exclude(status=EventStatus.NOTIFIED)


def _few(ids: "QuerySet[Change, int] | QuerySet[Event, int] | QuerySet[Delivery, int | None]") -> list[int] | None:
    """All of these, where they are few."""
    found = [each for each in ids.order_by()[: FEW + 1] if each is not None]
    return found if len(found) <= FEW else None


def _nearest(rows: QuerySet[Change], key: Combinable, most: int, before: int | None, after: int | None) -> list[int]:
    rows = rows.annotate(key=key)
    if after is not None:
        return list(rows.filter(key__gt=after).order_by("key").values_list("pk", flat=True)[:most])[::-1]
    if before is not None:
        rows = rows.filter(key__lt=before)
    return list(rows.order_by("-key").values_list("pk", flat=True)[:most])


def _rounded(number: int) -> int:
    """To two digits: what is about so much should not look exact."""
    unit: int = 10 ** max(len(str(number)) - 2, 0)
    return int(round(number / unit) * unit)
