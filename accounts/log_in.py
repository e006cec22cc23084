"""Whose failed log-ins count as whose."""

from typing import Any

from django.http import HttpRequest


def name_of(request: HttpRequest | None, credentials: dict[str, Any] | None = None) -> str:
    """The account that a log-in names, however it is spelled: addresses are looked up without regard to case."""
    given = (credentials or {}).get("username") or (request.POST.get("username", "") if request else "")
    return str(given).strip().lower()[:254]
