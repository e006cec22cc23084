"""What every call below `/api` goes through: token, limits, faults, log, the account's own clock."""

import functools
from collections.abc import Callable
from typing import Concatenate

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt

from sandbox import contacts, faults, limits, rows, tokens
from sandbox.clock import now_ms
from sandbox.downloads import BadParameter
from sandbox.models import Account, Call
from sandbox.wire import set_date

INVALID_LIST = 10004
INVALID_RECORD = 10005
BAD_PARAMETER = 10001
View = Callable[Concatenate[HttpRequest, Account, ...], HttpResponse]


def path_of(request: HttpRequest) -> str:
    """Path and query as Act-On's host would see them: without the sandbox's own base."""
    return request.get_full_path()[len(reverse("sandbox:accounts")) - 1 :]


def error(status: int, code: int, message: str) -> HttpResponse:
    """An error as Act-On's `/api/1` words it."""
    return JsonResponse({"errorCode": code, "message": message}, status=status)


class BadCall(Exception):
    """A call with a parameter that cannot be used."""


def api_call(**views: View) -> Callable[..., HttpResponse]:
    """A URL's view out of one function a method, each called with the account that the token belongs to."""

    @csrf_exempt
    def dispatch(request: HttpRequest, **captured: str) -> HttpResponse:
        at_ms = now_ms()
        scheme, _blank, value = request.headers.get("Authorization", "").partition(" ")
        pair = tokens.pair_of(value.strip()) if scheme.lower() == "bearer" else None
        if pair is None:
            response = faults.unauthorized()
            set_date(request, response, at_ms, shifted=False)
            return response
        working = pair if tokens.works(pair) else None
        admission = limits.admit(
            pair.account_id, Call.Kind.API, request.method or "", path_of(request), at_ms, used=working
        )
        if admission.refusal:
            response = faults.throttled(admission.refusal)
            status = response.status_code
        elif working is None:
            response = faults.unauthorized()
            status = response.status_code
        else:
            produce = functools.partial(_produce, views, request, admission.account, captured)
            response, status = faults.answer(
                admission.faults, request, admission.account, produce, pair=pair, list_id=captured.get("list_id", "")
            )
        limits.answered(admission.call_id, status)
        if status:
            account = admission.account
            set_date(request, response, account.now_ms(), shifted=bool(account.clock_offset_ms))
        return response

    return dispatch


def _produce(views: dict[str, View], request: HttpRequest, account: Account, captured: dict[str, str]) -> HttpResponse:
    view = views.get(request.method or "")
    if view is None:
        response = JsonResponse(
            {"httpCode": "405", "httpMessage": "Method Not Allowed", "moreInformation": ""}, status=405
        )
        response.headers["Allow"] = ", ".join(views)
        return response
    try:
        return view(request, account, **captured)
    except contacts.MissingList:
        return error(404, INVALID_LIST, "Invalid or missing list")
    except contacts.Missing as missing:
        return error(404, INVALID_RECORD, str(missing))
    except (BadCall, BadParameter, rows.BadContact) as bad:
        return error(400, BAD_PARAMETER, str(bad))
