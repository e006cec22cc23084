"""One's own account: who one is, the secret that one's programs send, the password."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import log_in, two_factor
from acton_hub.errors import locked_out
from console import secret_card
from console.access import PageRequest, noted, page


def _page(request: PageRequest, *, status: int = 200, **secret: Any) -> HttpResponse:
    context = {"secret": secret_card.card(request.user, **secret), "factor": two_factor.of(request.user)}
    return render(request, "console/account.html", context, status=status)


@require_safe
@page
def show(request: PageRequest) -> HttpResponse:
    return _page(request)


@require_POST
@page
@noted("Show one's own secret")
def show_secret(request: PageRequest) -> HttpResponse:
    return _page(request, shown=True)


@require_POST
@page
@noted("Replace one's own secret")
def rotate_secret(request: PageRequest) -> HttpResponse:
    form = secret_card.rotate(request, request.user, "Your secret")
    return _page(request, status=400, form=form) if form else redirect("console:account")


@require_POST
@page
@noted("End one's former secret")
def end_former_secret(request: PageRequest) -> HttpResponse:
    if not secret_card.end(request, request.user):
        return _page(request, status=404, refused=secret_card.NO_SUCH)
    return redirect("console:account")


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@page
@noted("Change one's own password")
def change_password(request: PageRequest) -> HttpResponse:
    """A wrong old password counts like a failed log-in."""
    if request.method != "POST":
        return render(request, "console/password.html", {"form": _password_form(request)})
    if not log_in.may_try(request, request.user):
        return locked_out(request, None, None)
    form = _password_form(request, request.POST)
    if not form.is_valid():
        if "old_password" in form.errors:
            log_in.count_failure(request, request.user)
        return render(request, "console/password.html", {"form": form}, status=400)
    form.save()
    update_session_auth_hash(request, request.user)
    messages.success(request, "Your password was changed. Other browsers have to log in with the new one.")
    return redirect("console:account")


def _password_form(request: PageRequest, data: Any = None) -> PasswordChangeForm:
    return PasswordChangeForm(request.user, data, label_suffix="")
