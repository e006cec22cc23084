"""Act-On's limits, kept by counting (CONTRACT §8; DESIGN promise 5).

The rules are pure functions over lists of moments in epoch milliseconds; `reserve_*` apply them to the account's
row, in one short transaction, so that they hold over all threads, processes and machines.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from django.db import transaction

from acton_hub import steady, tallies
from acton_hub.encryption import lookup_hash, lookup_hashes
from elements.acton.exceptions import SlotMissed, Throttled
from elements.acton.lateness import MOST_MISSES, Lateness
from elements.models import CallBudget

T = TypeVar("T")
CALLS_A_SECOND = 5
# Five moments are spread over half as much again as a second: a call that leaves on time may arrive late,
# and then the next ones must not arrive within the same second of Act-On's.
SECOND_MS = 1500
_lateness = Lateness(harmless_ms=SECOND_MS - 1000)
CALLS_A_DAY = 30_000
TOKEN_CALLS_AN_HOUR = 5
# Act-On's clock and ours need not agree to the second, nor does a call arrive when it leaves.
HOUR_MS = 3_600_000 + 10_000
KEPT_FOR_REFRESHING = 1
SLOW_DOWN_FIRST_S = 2.0
SLOW_DOWN_MOST_S = 300.0

# A call waits at most this long for its slot, so a remembered moment further ahead cannot be true.
AHEAD_MS = 60_000
TOO_BUSY = "The hub is too busy to call Act-On in time."
MOMENTS = ["recent_calls", "token_calls", "paused_until", "day", "clock"]


def believable(recent: list[int], now_ms: int) -> list[int]:
    """The remembered moments; one that lies too far ahead (our clock was set back since) counts as now."""
    return sorted(moment if moment <= now_ms + AHEAD_MS else now_ms for moment in recent)


def next_slot(recent: list[int], now_ms: int, most: int, window_ms: int) -> int:
    """The earliest moment from `now_ms` on at which one more call keeps "at most `most` in any `window_ms`".

    `recent` holds the moments of earlier calls (epoch ms, at least the last `most` of them), oldest first.
    """
    if len(recent) < most:
        return max([now_ms, *recent[-1:]])
    return max(now_ms, recent[-most] + window_ms, recent[-1])


def scope_of(host: str, api_key: str, account: str) -> str:
    """The look-up hash under which an account's calls are counted."""
    return lookup_hash(_named(host, api_key, account))


def _named(host: str, api_key: str, account: str) -> str:
    return "\0".join((host, api_key, account))


def budget_for(host: str, api_key: str, account: str) -> CallBudget:
    """The account's budget, also where it was made under an older key of ENCRYPTION_KEYS."""
    known = CallBudget.objects.filter(scope__in=lookup_hashes(_named(host, api_key, account))).first()
    return known or CallBudget.objects.get_or_create(scope=scope_of(host, api_key, account))[0]


def _locked(budget_id: int) -> tuple[CallBudget, int]:
    """The account's row, locked until the transaction ends, and now (epoch ms).

    The row's moments go along where our clock was set since they were stored.
    """
    budget = CallBudget.objects.select_for_update().get(pk=budget_id)
    budget.recent_calls = _lateness.corrected(budget_id, budget.recent_calls)
    now = steady.stamp()
    moved_ms = round(steady.moved_s(budget.clock, now) * 1000)
    budget.clock = now
    if moved_ms:
        budget.recent_calls = [moment + moved_ms for moment in budget.recent_calls]
        budget.token_calls = [moment + moved_ms for moment in budget.token_calls]
        if budget.paused_until:
            budget.paused_until += timedelta(milliseconds=moved_ms)
        budget.day = budget.day and datetime.fromtimestamp(now["wall"], UTC).date()
    return budget, int(now["wall"] * 1000)


def reserve_call(budget_id: int, *, wait_s: float) -> float:
    """Take one call out of the account's allowance; returns the monotonic seconds at which it may leave.

    The caller says with `answered` when the answer is here. Raises Throttled, and takes nothing, when that moment would
    be more than `wait_s` seconds away.
    """
    with transaction.atomic():
        budget, now_ms = _locked(budget_id)
        began = time.monotonic()
        recent = believable(budget.recent_calls, now_ms)
        slot = next_slot(recent, now_ms, CALLS_A_SECOND, SECOND_MS)
        if budget.paused_until:
            slot = max(slot, int(budget.paused_until.timestamp() * 1000))
        today = datetime.fromtimestamp(slot / 1000, UTC).date()
        used = budget.day_calls if budget.day == today else 0
        if used >= CALLS_A_DAY:
            raise Throttled("The account's calls of today are used up.", retry_after=_until_tomorrow(now_ms))
        if slot > now_ms + wait_s * 1000:
            raise Throttled("The account's calls are used up for now.", retry_after=(slot - now_ms) / 1000)
        budget.recent_calls = [*recent, slot][-CALLS_A_SECOND:]
        budget.day, budget.day_calls = today, used + 1
        budget.save(update_fields=[*MOMENTS, "day_calls"])
        tallies.add(tallies.count("acton_calls", "api"))
    _lateness.stored(budget_id, budget.recent_calls)
    leave_at = began + (slot - now_ms) / 1000
    _lateness.reserved(budget_id, leave_at, slot)
    return leave_at


def answered(budget_id: int, leave_at: float) -> None:
    """The call that was to leave then has its answer, or will get none: so late, at most, it arrived at Act-On."""
    _lateness.answered(budget_id, leave_at)


def missed(budget_id: int, leave_at: float) -> None:
    """The call that was to leave then was not made (SlotMissed). Its moment stays counted, to be on the safe side."""
    _lateness.missed(budget_id, leave_at)


def within(budget_id: int, call: Callable[[float], T], *, wait_s: float) -> T:
    """What `call` answers, which is told its moment (see `reserve_call`) and is told another where it missed that.

    Raises Throttled where no moment is near, or where each was missed; and what `call` raises.
    """
    for _ in range(MOST_MISSES):
        leave_at = reserve_call(budget_id, wait_s=wait_s)
        try:
            return call(leave_at)
        except SlotMissed:
            missed(budget_id, leave_at)
        finally:
            answered(budget_id, leave_at)
    raise Throttled(TOO_BUSY, retry_after=1.0)


def reserve_token_call(budget_id: int, *, keep: int = 0) -> None:
    """Take one token call out of the account's five an hour, leaving at least `keep`.

    Raises Throttled, with the seconds until one is free, and takes nothing, when there are none.
    """
    with transaction.atomic():
        budget, now_ms = _locked(budget_id)
        recent = believable(budget.token_calls, now_ms)
        slot = next_slot(recent, now_ms, TOKEN_CALLS_AN_HOUR - keep, HOUR_MS)
        budget.token_calls = [*recent, now_ms][-TOKEN_CALLS_AN_HOUR:] if slot <= now_ms else recent
        budget.save(update_fields=MOMENTS)
        tallies.add(tallies.count("acton_calls", "token", int(slot <= now_ms)))
    if slot > now_ms:
        raise Throttled(
            f"Act-On allows {TOKEN_CALLS_AN_HOUR} token calls an hour, and they are used up.",
            retry_after=(slot - now_ms) / 1000,
        )


@dataclass(frozen=True)
class Usage:
    """How much of one of Act-On's three limits is used at a moment."""

    name: str
    used: int
    most: int

    @property
    def is_near(self) -> bool:
        return self.used * 10 >= self.most * 8


def usage(budget: CallBudget, now: datetime) -> list[Usage]:
    """What has been called within the last second, the last hour (token calls) and today (UTC)."""
    now_ms = int((now.timestamp() - steady.moved_s(budget.clock)) * 1000)

    def within(moments: list[int], window_ms: int) -> int:
        return sum(now_ms - window_ms < moment <= now_ms for moment in moments)

    return [
        Usage("Calls today", budget.day_calls if budget.day == now.astimezone(UTC).date() else 0, CALLS_A_DAY),
        Usage("Token calls in the last hour", within(budget.token_calls, HOUR_MS), TOKEN_CALLS_AN_HOUR),
        Usage("Calls in the last second", within(budget.recent_calls, 1000), CALLS_A_SECOND),
    ]


def slow_down(budget_id: int, retry_after: float | None) -> float:
    """Act-On said "too many calls": pause this account alone; returns for how many seconds.

    Act-On names no time (CONTRACT §8), so the pause doubles with each such answer in a row.
    """
    with transaction.atomic():
        budget, now_ms = _locked(budget_id)
        pause = retry_after or min(SLOW_DOWN_FIRST_S * 2.0 ** min(budget.throttled, 20), SLOW_DOWN_MOST_S)
        budget.throttled += 1
        budget.paused_until = datetime.fromtimestamp(now_ms / 1000, UTC) + timedelta(seconds=pause)
        budget.save(update_fields=[*MOMENTS, "throttled"])
        tallies.add(tallies.count("acton_throttled"))
    return pause


def speed_up(budget_id: int) -> None:
    """Act-On answers again."""
    CallBudget.objects.filter(pk=budget_id, throttled__gt=0).update(throttled=0, paused_until=None)


def _until_tomorrow(now_ms: int) -> float:
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return (tomorrow - now).total_seconds()
