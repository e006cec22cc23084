"""Whose failed log-ins count as whose, and how a failed code counts like a failed password."""

from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from accounts import two_factor
from accounts.models import TwoFactor, User


def name_of(request: HttpRequest | None, credentials: dict[str, Any] | None = None) -> str:
    """The account that a log-in names, however it is spelled: addresses are looked up without regard to case."""
    given = (credentials or {}).get("username") or (request.POST.get("username", "") if request else "")
    return str(given).strip().lower()[:254]


def may_try(request: HttpRequest, user: User) -> bool:
    """Whether neither the account nor the address failed too often."""
    return bool(AxesProxyHandler.is_allowed(request, {"username": user.email}))


def code_is_right(request: HttpRequest, factor: TwoFactor, code: str) -> bool:
    """As `two_factor.is_right`; a wrong one is counted, and after too many of them the answer is 429 (django-axes)."""
    if two_factor.is_right(factor, code):
        return True
    count_failure(request, factor.user)
    return False


def count_failure(request: HttpRequest, user: User) -> None:
    user_login_failed.send(sender=__name__, credentials={"username": user.email}, request=request)


@receiver(user_logged_in)
def forgive(sender: Any, user: User, **more: Any) -> None:
    """Who logged in begins anew, and nobody else: else whoever has an account could guess at another one for ever,
    with a log-in of their own between the guesses."""
    AccessAttempt.objects.filter(username=name_of(None, {"username": user.email})).delete()
