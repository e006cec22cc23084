"""What every page shows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from accounts.models import Role, User


def hub(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    member = user if isinstance(user, User) else None
    return {
        "sandbox_enabled": settings.SANDBOX_ENABLED,
        "acton_is_sandbox": settings.ACTON_API_URL == "sandbox",
        "is_operator": member is not None and member.may(Role.OPERATOR),
        "is_admin": member is not None and member.may(Role.ADMIN),
    }
