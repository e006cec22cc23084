"""Counts that outlive processes and hold over all machines: what `/metrics` adds up.

Whoever stores something adds a row for it in the same transaction, so a count is as true as what is counted. Rows are
only appended, so that no worker waits for another one's; the dispatcher adds them up from time to time.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Sum

from acton_hub.models import Tally

SPARE = 500  # rows that may lie about before they are added up
ADDED_UP_AT_ONCE = 2000
MOST_ROUNDS = 10
BOUNDS_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)
SUM = "sum_ms"

# (series, label values joined by "|") to what is added.
Amounts = Counter[tuple[str, str]]


@dataclass(frozen=True)
class Series:
    """What is counted under one name. Of a counter's one label the `values` are known before the first one comes."""

    text: str
    labels: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()  # seconds; of a histogram


SERIES = {
    "polls": Series("Polls that ended.", ("outcome",), ("succeeded", "failed")),
    "poll_seconds": Series("From a poll's begin to its end.", bounds=BOUNDS_S),
    "dispatch_lateness_seconds": Series("How long after its due time a poller was queued.", bounds=BOUNDS_S),
    "records_read": Series("Records read by polls that ended."),
    "records_skipped": Series("Records that polls passed over because they cannot be read."),
    "changes": Series("Changes stored.", ("type",), ("CREATED", "UPDATED", "DELETED")),
    "events": Series("Events stored, by where they come from.", ("origin",), ("poll", "outside")),
    "attempts": Series(
        "Attempts to deliver.", ("outcome",), ("accepted", "refused", "timed_out", "unreachable")
    ),
    "deliveries": Series(
        "What an attempt made of a delivery: accepted, to be tried again, queued until released.",
        ("outcome",),
        ("accepted", "retry", "queued"),
    ),
    "delivery_seconds": Series("From a delivery's being stored to its being accepted.", bounds=BOUNDS_S),
    "acton_calls": Series("Calls to Act-On that were allowed to leave.", ("kind",), ("api", "token")),
    "acton_throttled": Series("Answers of Act-On that ask to slow down."),
    "refreshes": Series("Tokens renewed.", ("outcome",), ("succeeded", "refused", "failed")),
    "request_seconds": Series("Time to answer requests.", ("area", "status"), bounds=BOUNDS_S),
}  # fmt: skip


def count(series: str, value: str = "", amount: int = 1) -> Amounts:
    """So many more of a counter's `value`."""
    return Amounts({(series, value): amount})


def observed(series: str, seconds: Iterable[float], *labels: str) -> Amounts:
    """Observations of a histogram: one more each in the narrowest bucket that holds it, and their sum (ms)."""
    found = Amounts()
    for each in seconds:
        bound = next((bound for bound in SERIES[series].bounds if each <= bound), float("inf"))
        found[series, "|".join([*labels, str(bound)])] += 1
        found[series, "|".join([*labels, SUM])] += max(0, round(each * 1000))
    return found


def add(*amounts: Amounts) -> None:
    """Add to what is counted, in the caller's transaction. One statement."""
    together = sum(amounts, Amounts())  # what is nothing falls out
    if together:
        Tally.objects.bulk_create(
            [Tally(series=series, label=label, amount=amount) for (series, label), amount in together.items()]
        )


def totals() -> dict[str, dict[str, int]]:
    """Everything counted so far: series → label values → amount."""
    found: dict[str, dict[str, int]] = {name: {} for name in SERIES}
    for name, label, amount in Tally.objects.values_list("series", "label").annotate(Sum("amount")).order_by():
        found.setdefault(name, {})[label] = amount
    return found


def add_up() -> None:
    """Put one row in the place of many, where there are many. Readers see the one or the others, never neither."""
    for _ in range(MOST_ROUNDS):
        with transaction.atomic():
            rows = Tally.objects.order_by("pk").select_for_update(
                skip_locked=connection.features.has_select_for_update_skip_locked
            )
            old = list(rows[:ADDED_UP_AT_ONCE])
            together = Amounts()
            for row in old:
                together[row.series, row.label] += row.amount
            if len(old) - len(together) < SPARE:
                return
            Tally.objects.filter(pk__in=[row.pk for row in old]).delete()
            add(together)
