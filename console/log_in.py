"""The log-in: password first, then the code of those who have a second factor. Nobody is logged in between the two."""

import time

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.crypto import constant_time_compare
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import log_in, two_factor
from accounts.models import User
from acton_hub.errors import locked_out

PENDING = "second_step"
TERM_S = 300


class LogIn(LoginView):
    """The first step."""

    template_name = "console/login.html"
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        user = form.get_user()
        if not isinstance(user, User) or two_factor.of(user) is None:
            return super().form_valid(form)
        session = self.request.session
        session.cycle_key()
        session[PENDING] = {
            "user": user.pk,
            "backend": user.backend,
            "hash": user.get_session_auth_hash(),
            "until": time.time() + TERM_S,
            "next": self.get_redirect_url(),
        }
        return redirect("console:second_step")


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def second_step(request: HttpRequest) -> HttpResponse:
    """The code, of whoever brought the password in this session within the last five minutes."""
    user = _who_waits(request)
    factor = two_factor.of(user) if user else None
    if user is None or factor is None:
        request.session.pop(PENDING, None)
        return redirect("console:login")
    if not log_in.may_try(request, user):
        return locked_out(request, None, None)
    if request.method != "POST":
        return render(request, "console/second_step.html")
    if not log_in.code_is_right(request, factor, request.POST.get("code", "")[:100]):
        return render(request, "console/second_step.html", {"refused": True}, status=400)
    waited = request.session.pop(PENDING)
    login(request, user, backend=waited["backend"])
    safe = url_has_allowed_host_and_scheme(waited["next"], {request.get_host()}, require_https=request.is_secure())
    return redirect(waited["next"] if safe else settings.LOGIN_REDIRECT_URL)


def _who_waits(request: HttpRequest) -> User | None:
    waiting = request.session.get(PENDING)
    if not waiting or time.time() > waiting["until"]:
        return None
    user = User.objects.filter(pk=waiting["user"], is_active=True).first()
    # A password that was changed meanwhile ends what was begun with the old one.
    if user is None or not constant_time_compare(waiting["hash"], user.get_session_auth_hash()):
        return None
    return user
