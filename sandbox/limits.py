"""Act-On's three limits of an account, kept in the database so that every web process agrees, and the call log.

A call is counted at the moment it arrived. One that is refused takes nothing from the allowance: the sliding second
and the sliding hour count what was let through, the day (UTC) too.
"""

from dataclasses import dataclass

from django.db import transaction

from sandbox import faults
from sandbox.clock import HOUR_MS, SECOND_MS, day_of
from sandbox.models import DATABASE, Account, Call, Fault, TokenPair
from sandbox.windows import most_in_any_window, with_call

KEPT_CALLS = 2_000
PRUNE_EVERY = 200
NOTHING_COUNTED: dict[str, str | int] = {
    "day": "",
    "calls_today": 0,
    "api_calls": 0,
    "token_calls": 0,
    "most_in_a_second": 0,
    "most_token_calls_in_an_hour": 0,
    "refused_by_second": 0,
    "refused_by_day": 0,
    "refused_by_hour": 0,
}


@dataclass(frozen=True)
class Admission:
    """A call that was counted and logged; `refusal` is what the limit says, empty when the call may go on."""

    call_id: int
    account: Account
    refusal: str
    faults: list[Fault]


def admit(
    account_id: int, kind: str, method: str, path: str, at_ms: int, *, used: TokenPair | None = None
) -> Admission:
    """Count a call that arrived at `at_ms`, and take the faults that are due for it, in one short transaction.

    `used` is the pair whose access token it carries. An API call without one that works meets no faults.
    """
    with transaction.atomic(using=DATABASE):
        account = Account.objects.get(pk=account_id)
        refused_by = _count(account, kind, at_ms)
        served = not refused_by and (kind == Call.Kind.TOKEN or used is not None)
        taken = faults.take(account, path) if served else []
        call = Call.objects.create(
            account=account,
            kind=kind,
            method=method,
            path=path[:2000],
            at_ms=at_ms,
            refused_by=refused_by,
            fault=" ".join(fault.kind for fault in taken)[:20],
        )
        account.save(update_fields=list(NOTHING_COUNTED))
        if used is not None and not used.used:
            TokenPair.objects.filter(pk=used.pk).update(used=True)
        if call.pk % PRUNE_EVERY == 0:
            _prune(account, at_ms)
    return Admission(call.pk, account, _refusal(account, refused_by), taken)


def _count(account: Account, kind: str, at_ms: int) -> str:
    """Count the call on the account (not saved yet); the name of the limit that refuses it, or nothing."""
    if account.day != day_of(at_ms):
        account.day, account.calls_today = day_of(at_ms), 0
    width = HOUR_MS if kind == Call.Kind.TOKEN else SECOND_MS
    near = list(
        account.calls.filter(kind=kind, at_ms__gt=at_ms - width, at_ms__lt=at_ms + width)
        .filter(at_ms__gte=account.counted_from_ms)
        .values_list("at_ms", "refused_by")
    )
    seen = most_in_any_window([moment for moment, _refused in near] + [at_ms], width)
    counted = with_call([moment for moment, refused in near if not refused], at_ms, width)
    if kind == Call.Kind.TOKEN:
        account.token_calls += 1
        account.most_token_calls_in_an_hour = max(account.most_token_calls_in_an_hour, seen)
        if counted > account.token_calls_per_hour:
            account.refused_by_hour += 1
            return "hour"
        return ""
    account.api_calls += 1
    account.most_in_a_second = max(account.most_in_a_second, seen)
    if counted > account.calls_per_second:
        account.refused_by_second += 1
        return "second"
    if account.calls_today >= account.calls_per_day:
        account.refused_by_day += 1
        return "day"
    account.calls_today += 1
    return ""


def _refusal(account: Account, refused_by: str) -> str:
    return {
        "": "",
        "second": f"Rate limit exceeded: {account.calls_per_second} calls per second",
        "day": f"Rate limit exceeded: {account.calls_per_day} calls per day",
        "hour": f"Rate limit exceeded: {account.token_calls_per_hour} token calls per hour",
    }[refused_by]


def _prune(account: Account, at_ms: int) -> None:
    """Keep the newest calls, and every token call that the sliding hour still needs."""
    oldest_kept = account.calls.order_by("-pk").values_list("pk", flat=True)[KEPT_CALLS : KEPT_CALLS + 1].first()
    if oldest_kept is not None:
        old = account.calls.filter(pk__lte=oldest_kept)
        old.exclude(kind=Call.Kind.TOKEN, at_ms__gt=at_ms - HOUR_MS).delete()


def answered(call_id: int, status: int) -> None:
    """Write down how a call was answered; 0 stands for a dropped connection."""
    Call.objects.filter(pk=call_id).update(status=status)


def reset(account: Account, now_ms: int) -> None:
    """Forget every call: counters, windows and log begin anew."""
    with transaction.atomic(using=DATABASE):
        account.calls.all().delete()
        Account.objects.filter(pk=account.pk).update(**NOTHING_COUNTED, counted_from_ms=now_ms)


def counters(account: Account) -> dict[str, object]:
    """What was counted since the last reset, and the limits."""
    return {
        "counted_from_ms": account.counted_from_ms,
        "api_calls": account.api_calls,
        "token_calls": account.token_calls,
        "calls_today": account.calls_today if account.day else 0,
        "most_in_a_second": account.most_in_a_second,
        "most_token_calls_in_an_hour": account.most_token_calls_in_an_hour,
        "refused_by_second": account.refused_by_second,
        "refused_by_day": account.refused_by_day,
        "refused_by_hour": account.refused_by_hour,
        "limits": {
            "calls_per_second": account.calls_per_second,
            "calls_per_day": account.calls_per_day,
            "token_calls_per_hour": account.token_calls_per_hour,
        },
    }
