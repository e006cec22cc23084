"""The pages of one's own second factor: set up, new recovery codes, switched off. None of them needs JavaScript."""

from typing import Any

import segno
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import mark_safe
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from accounts import log_in, two_factor
from accounts.models import TwoFactor
from acton_hub.errors import locked_out
from console.access import PageRequest, noted, page

NOT_RIGHT = "Password or code is not right; each code is good once."


def _page(request: PageRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    factor, begun = two_factor.of(request.user), two_factor.pending(request.user)
    context: dict[str, Any] = {"factor": factor} | more
    if begun is not None:
        # The picture is made here, out of nothing that somebody else could have written.
        picture = segno.make(two_factor.address(begun), error="m").svg_inline(scale=4, border=4, light="#fff")
        context |= {"picture": mark_safe(picture), "seed": begun.seed}  # noqa: S308
    return render(request, "console/two_factor.html", context, status=status)


@require_safe
@page
def show(request: PageRequest) -> HttpResponse:
    return _page(request)


@require_POST
@page
@noted("Begin to set up one's second factor")
def begin_two_factor(request: PageRequest) -> HttpResponse:
    two_factor.begin(request.user)
    return redirect("console:two_factor")


def _refusal(request: PageRequest) -> HttpResponse | None:
    """Whoever sits down at somebody else's open browser does not know the password; guesses count as failed log-ins."""
    if not log_in.may_try(request, request.user):
        return locked_out(request, None, None)
    if request.user.check_password(request.POST.get("password", "")):
        return None
    log_in.count_failure(request, request.user)
    return _page(request, status=400, refused=NOT_RIGHT)


def _proven(request: PageRequest) -> TwoFactor | HttpResponse:
    """The second factor of a user who knows password and code; else the refusal."""
    refusal = _refusal(request)
    if refusal is not None:
        return refusal
    factor = two_factor.of(request.user)
    if factor is None:
        return redirect("console:two_factor")
    if not log_in.code_is_right(request, factor, request.POST.get("code", "")[:100]):
        return _page(request, status=400, refused=NOT_RIGHT)
    return factor


@sensitive_post_parameters()
@require_POST
@page
@noted("Switch one's second factor on")
def switch_two_factor_on(request: PageRequest) -> HttpResponse:
    refusal = _refusal(request)
    if refusal is not None:
        return refusal
    codes = two_factor.confirm(request.user, request.POST.get("code", "")[:100])
    if codes is None:
        log_in.count_failure(request, request.user)
        return _page(request, status=400, refused=NOT_RIGHT)
    request.session.cycle_key()
    return _page(request, codes=codes)


@sensitive_post_parameters()
@require_POST
@page
@noted("Make new recovery codes")
def make_recovery_codes(request: PageRequest) -> HttpResponse:
    factor = _proven(request)
    if isinstance(factor, HttpResponse):
        return factor
    return _page(request, codes=two_factor.new_recovery_codes(factor))


@sensitive_post_parameters()
@require_POST
@page
@noted("Switch one's second factor off")
def switch_two_factor_off(request: PageRequest) -> HttpResponse:
    factor = _proven(request)
    if isinstance(factor, HttpResponse):
        return factor
    two_factor.switch_off(request.user)
    return redirect("console:two_factor")
