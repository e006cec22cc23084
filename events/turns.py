"""Which due deliveries are next: in turn of their subscriptions.

Each subscription's due ones are found by an index of their own, so that a look costs what the subscriptions cost that
have something due, and not what waits for them: that may be a million, of callbacks that are down.
"""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from operator import itemgetter
from typing import Any

from django.db import connection

from events.allowance import Allowance

NEWEST_SHARE = 4  # one in so many, where more are due than fit
SUBSCRIPTIONS = 500  # looked at at once
LOOKS = 40

# SQLite is told the index: without statistics it takes one that holds all that was ever sent. PostgreSQL cannot be
# told, so what is ordered by is what the index is ordered by.
_DELIVERIES = {"sqlite": "events_delivery INDEXED BY delivery_due_in_turn", "postgresql": "events_delivery"}
# From one subscription with something to be attempted to the next one; and whether it can be now.
_NEXT = """SELECT subscription_id FROM {deliveries}
           WHERE next_attempt_at IS NOT NULL AND subscription_id > {after}
           ORDER BY subscription_id, next_attempt_at, id LIMIT 1"""
_SUBSCRIPTIONS = """
    WITH RECURSIVE found (id, number) AS (
        SELECT ({first}), 1
        UNION ALL
        SELECT ({next}), number + 1 FROM found WHERE id IS NOT NULL AND number < %s
    )
    SELECT id,
           COALESCE((SELECT not_before FROM events_subscription AS asked WHERE asked.id = found.id), %s) <= %s
           AND (SELECT next_attempt_at FROM {deliveries}
                WHERE subscription_id = found.id AND next_attempt_at IS NOT NULL
                AND (lease_until IS NULL OR lease_until < %s)
                ORDER BY subscription_id, next_attempt_at, id LIMIT 1) <= %s
    FROM found WHERE id IS NOT NULL ORDER BY id"""
_DUE = """SELECT id FROM {deliveries}
          WHERE subscription_id = {wanted} AND next_attempt_at <= %s AND (lease_until IS NULL OR lease_until < %s)
          AND NOT {taken} ORDER BY next_attempt_at {direction}, id {direction} LIMIT %s"""
# `_DUE` for each of some subscriptions.
_OF_EACH = {
    "sqlite": """SELECT due.id, due.subscription_id FROM json_each(%s) AS wanted CROSS JOIN events_delivery AS due
                 ON due.id IN ({due}) ORDER BY wanted.key, due.next_attempt_at {direction}, due.id {direction}""",
    "postgresql": """SELECT due.id, wanted.id FROM unnest(%s::bigint[]) AS wanted (id)
                     CROSS JOIN LATERAL ({due} FOR UPDATE SKIP LOCKED) AS due""",
}
_NAMES = {
    "sqlite": {"wanted": "wanted.value", "taken": "id IN (SELECT value FROM json_each(%s))"},
    "postgresql": {"wanted": "wanted.id", "taken": "id = ANY(%s)"},
}


class Turn:
    """Goes round the subscriptions, on from where the claim before came to."""

    def __init__(self) -> None:
        self._last = 0

    def choose(self, most: int, now: datetime) -> list[int]:
        """Ids of due deliveries, the oldest; where more are due than fit, a quarter are the newest.

        So what has just come does not wait for a backlog of hours to be worked off. On PostgreSQL their rows are
        locked, and those that others have locked are passed over. Must be called inside a transaction.
        """
        allowance = Allowance(now)
        waiting = list(islice(self._subscriptions(now, allowance), most))
        if len(waiting) == most:
            self._last = waiting[-1]
        oldest = most - most // NEWEST_SHARE
        chosen = _deal(waiting, oldest, now, allowance, [], "ASC")
        if waiting and len(chosen) == oldest:
            next_one = oldest % len(waiting)  # where the first ones came to an end
            in_turn = waiting[next_one:] + waiting[:next_one]
            chosen += _deal(in_turn, most - oldest, now, allowance, chosen, "DESC")
        return chosen

    def _subscriptions(self, now: datetime, allowance: Allowance) -> Iterator[int]:
        """Those that have something due and may have it, each once."""
        after, round_about = self._last, False
        for _ in range(LOOKS):
            found = _look(after, now)
            if round_about:
                found = [(pk, can_be) for pk, can_be in found if pk <= self._last]
            allowance.learn(pk for pk, can_be in found if can_be)
            yield from [pk for pk, can_be in found if can_be and allowance.is_left(pk)]
            if len(found) == SUBSCRIPTIONS:
                after = found[-1][0]
            elif round_about or self._last == 0:
                return
            else:
                after, round_about = 0, True
        self._last = after  # there are too many to look at: the next claim goes on here


def _look(after: int, now: datetime) -> list[tuple[int, bool]]:
    """The next subscriptions with something to be attempted, now or later, and whether that can be now."""
    deliveries = _DELIVERIES[connection.vendor]
    first, following = (_NEXT.format(deliveries=deliveries, after=after) for after in ("%s", "found.id"))
    with connection.cursor() as cursor:
        sql = _SUBSCRIPTIONS.format(deliveries=deliveries, first=first, next=following)
        cursor.execute(sql, [after, SUBSCRIPTIONS, *[_moment(now)] * 4])
        return [(pk, bool(can_be)) for pk, can_be in cursor.fetchall()]


def _deal(
    waiting: list[int], most: int, now: datetime, allowance: Allowance, taken: list[int], direction: str
) -> list[int]:
    """A few of each, then a few more of those that have more, as long as there are fewer than `most`."""
    chosen: list[int] = []
    while waiting and len(chosen) < most:
        each = -(-(most - len(chosen)) // len(waiting))
        found = _due(waiting, each, now, [*taken, *chosen], direction)
        for pk, subscription in _in_turn(found):
            if len(chosen) < most and allowance.take(subscription):
                chosen.append(pk)
        have = Counter(subscription for _, subscription in found)
        waiting = [pk for pk in waiting if have[pk] == each and allowance.is_left(pk)]
    return chosen


def _due(subscriptions: list[int], each: int, now: datetime, taken: list[int], direction: str) -> list[tuple[int, int]]:
    """Ids of up to so many due deliveries of each subscription, with its own, subscription by subscription."""
    lists: list[Any] = [subscriptions, taken]
    wanted, free = map(json.dumps, lists) if connection.vendor == "sqlite" else lists
    due = _DUE.format(deliveries=_DELIVERIES[connection.vendor], direction=direction, **_NAMES[connection.vendor])
    with connection.cursor() as cursor:
        cursor.execute(
            _OF_EACH[connection.vendor].format(due=due, direction=direction),
            [wanted, _moment(now), _moment(now), free, each],
        )
        return list(cursor.fetchall())


def _moment(now: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(now)


def _in_turn(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The first of each subscription, then the second of each, and so on."""
    seen: Counter[int] = Counter()
    turns = []
    for row in found:
        turns.append(seen[row[1]])
        seen[row[1]] += 1
    return [row for _, row in sorted(zip(turns, found, strict=True), key=itemgetter(0))]
