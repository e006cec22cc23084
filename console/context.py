"""What every page shows."""

from functools import partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from accounts.models import Role, User


def hub(request: HttpRequest) -> dict[str, Any]:
    """Who looks is asked of the database only by a page that wants to know: the one that says it is away does not."""

    def may(role: Role) -> bool:
        user = getattr(request, "user", None)
        return isinstance(user, User) and user.may(role)

    return {
        "sandbox_enabled": settings.SANDBOX_ENABLED,
        "acton_is_sandbox": settings.ACTON_API_URL == "sandbox",
        "is_operator": partial(may, Role.OPERATOR),
        "is_admin": partial(may, Role.ADMIN),
    }
