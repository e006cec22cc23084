"""Faults: which are due for a call, and what they make of its answer."""

import json
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse

from sandbox import contacts, rows, wire
from sandbox.models import Account, Fault, TokenPair

Kind = Fault.Kind
DEFAULT_PATHS = {Kind.LOSE_TOKENS: "/token", Kind.MOVE_DATA: "/api/1/list/", Kind.SHORT_ROWS: "/api/1/list/"}
DEFAULT_PATH = "/api/"
DEFAULT_STATUSES = {Kind.THROTTLE: 429, Kind.ERROR: 500}
DEFAULT_DELAY_MS = 2_000
ACCOMPANYING = {Kind.SLOW, Kind.MOVE_DATA}  # may come together with one fault that makes the answer
PAGE = "<!doctype html><html><head><title>Maintenance</title></head><body><h1>We will be back soon</h1></body></html>"


def take(account: Account, path: str) -> list[Fault]:
    """The faults due for a call of that path (with query); each is counted down. Call it in a transaction."""
    due: list[Fault] = []
    for fault in account.faults.order_by("pk"):
        if fault.path not in path:
            continue
        if fault.waits:
            fault.waits -= 1
            fault.save(update_fields=["waits"])
            continue
        if fault.kind not in ACCOMPANYING and any(other.kind not in ACCOMPANYING for other in due):
            continue
        if fault.remaining is not None:
            fault.remaining -= 1
            if fault.remaining:
                fault.save(update_fields=["remaining"])
            else:
                Fault.objects.filter(pk=fault.pk).delete()
        due.append(fault)
    return due


def answer(
    due: list[Fault],
    request: HttpRequest,
    account: Account,
    produce: Callable[[], HttpResponse],
    *,
    pair: TokenPair | None = None,
    list_id: str = "",
) -> tuple[HttpResponse, int]:
    """The answer to a call under its faults, and the status for the log."""
    making = None
    for fault in due:
        if fault.kind == Kind.SLOW:
            time.sleep(fault.delay_ms / 1000)
        elif fault.kind == Kind.MOVE_DATA:
            try:
                contacts.move(account, list_id or _first_list(account), fault.operations)
            except (contacts.Missing, rows.BadContact) as error:
                return HttpResponse(f"The sandbox cannot move data: {error}", status=500), 500
        else:
            making = fault
    if making is None:
        response = produce()
        return response, response.status_code
    return _made_by(making, request, produce, pair)


def _made_by(
    fault: Fault, request: HttpRequest, produce: Callable[[], HttpResponse], pair: TokenPair | None
) -> tuple[HttpResponse, int]:
    if fault.kind == Kind.LOSE_TOKENS:
        produce()
    if fault.kind == Kind.DROP or (fault.kind == Kind.LOSE_TOKENS and not fault.status):
        return wire.drop(request), wire.DROPPED
    response = _BODIES[fault.kind](fault, produce, pair)
    if fault.kind == Kind.TRUNCATE:
        response = wire.truncate(request, response)
    if fault.retry_after_s is not None:
        response.headers["Retry-After"] = str(fault.retry_after_s)
    return response, response.status_code


def _throttled(fault: Fault, produce: Callable[[], HttpResponse], pair: TokenPair | None) -> HttpResponse:
    return throttled("Rate limit exceeded: too many calls", fault.status)


def _failed(fault: Fault, produce: Callable[[], HttpResponse], pair: TokenPair | None) -> HttpResponse:
    return HttpResponse("Internal error", status=fault.status, content_type="text/plain")


def _page(fault: Fault, produce: Callable[[], HttpResponse], pair: TokenPair | None) -> HttpResponse:
    return HttpResponse(PAGE)


def _empty(fault: Fault, produce: Callable[[], HttpResponse], pair: TokenPair | None) -> HttpResponse:
    return HttpResponse(b"", content_type="application/json")


def _whole(fault: Fault, produce: Callable[[], HttpResponse], pair: TokenPair | None) -> HttpResponse:
    return produce()


def _short_rows(fault: Fault, produce: Callable[[], HttpResponse], pair: TokenPair | None) -> HttpResponse:
    response = produce()
    if response.status_code == 200 and response.headers["Content-Type"] == "application/json":
        body = json.loads(response.content)
        if isinstance(body, dict) and isinstance(body.get("data"), list):
            return JsonResponse(body | {"data": rows.shorten(body["data"])})
    return response


def _expired(fault: Fault, produce: Callable[[], HttpResponse], pair: TokenPair | None) -> HttpResponse:
    if pair is not None:
        TokenPair.objects.filter(pk=pair.pk).update(access_expires_ms=0)
    return unauthorized()


_BODIES: dict[str, Callable[[Fault, Callable[[], HttpResponse], TokenPair | None], HttpResponse]] = {
    Kind.THROTTLE: _throttled,
    Kind.ERROR: _failed,
    Kind.LOSE_TOKENS: _failed,
    Kind.HTML: _page,
    Kind.EMPTY: _empty,
    Kind.TRUNCATE: _whole,
    Kind.SHORT_ROWS: _short_rows,
    Kind.EXPIRE_TOKEN: _expired,
}


def _first_list(account: Account) -> str:
    return account.lists.order_by("pk").values_list("list_id", flat=True).first() or ""


def throttled(message: str, status: int = 429) -> HttpResponse:
    """Act-On's throttling: a text, no Retry-After."""
    return JsonResponse(
        {"httpCode": str(status), "httpMessage": "Too Many Requests", "moreInformation": message}, status=status
    )


def unauthorized() -> HttpResponse:
    """The gateway's answer to a token that is unknown, expired or dead."""
    return JsonResponse({"httpCode": "401", "httpMessage": "Unauthorized", "moreInformation": ""}, status=401)
