"""What every page shows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def hub(request: HttpRequest) -> dict[str, Any]:
    return {"sandbox_enabled": settings.SANDBOX_ENABLED, "acton_is_sandbox": settings.ACTON_API_URL == "sandbox"}
