"""The Authorization header, parsed once for every endpoint (CONTRACT §1).

`User <user secret>, Organization <organization secret>[, Element <instance token>]`: scheme names in any case, in any
order. The API never looks at the console's cookie.
"""

import re
from datetime import datetime
from typing import cast

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import Organization, Role, User
from instances.models import Instance

_PART = re.compile(r"\s*(user|organization|element)\s+([A-Za-z0-9+/=_\-.~]+)\s*", re.IGNORECASE)


class Unauthenticated(Exception):
    """The header is missing, malformed or wrong."""


class ApiRequest(HttpRequest):
    """A request whose caller is known. `instance` is the one whose Element token was sent."""

    caller: User
    organization: Organization
    instance: Instance | None


def parse(header: str) -> dict[str, str]:
    """Scheme (lower case) → secret. Raises Unauthenticated for anything else than the documented form."""
    schemes: dict[str, str] = {}
    for part in header.split(","):
        match = _PART.fullmatch(part)
        if match is None or match[1].lower() in schemes:
            raise Unauthenticated(
                "The Authorization header is not of the form: User <secret>, Organization <secret>[, Element <token>]."
            )
        schemes[match[1].lower()] = match[2]
    return schemes


def _user_with(secret: str, now: datetime) -> User | None:
    """Whose secret that is, or was until it was replaced, while it is still good."""
    for known in (User.objects.with_secret(secret), User.objects.with_former_secret(secret, now)):
        # Decrypting what nobody asks for would cost more than the look-up.
        rows = known.select_related("organization").defer("secret", "password", "organization__secret")
        for user in rows.filter(is_active=True):
            return user
    return None


def authorize(request: HttpRequest, needed: Role) -> ApiRequest:
    """Who calls. Raises Unauthenticated unless user and organization, or user and instance, belong together.

    Raises PermissionDenied where the user's role is less than what is needed.
    """
    header = request.headers.get("Authorization", "").strip()
    if not header:
        raise Unauthenticated("The Authorization header is missing.")
    schemes = parse(header)
    if "user" not in schemes or not ("organization" in schemes or "element" in schemes):
        raise Unauthenticated("The Authorization header needs User together with Organization or Element.")
    now = timezone.now()
    user = _user_with(schemes["user"], now)
    if user is None:
        raise Unauthenticated("The user secret is not known.")
    if "organization" in schemes and not user.organization.accepts(schemes["organization"], now):
        raise Unauthenticated("The organization secret is not the one of the user's organization.")
    authorized = cast(ApiRequest, request)
    authorized.caller = user
    authorized.organization = user.organization
    authorized.instance = None
    if "element" in schemes:
        authorized.instance = (
            Instance.objects.with_token(schemes["element"])
            .filter(organization=user.organization)
            .select_related("connection", "user", "organization")
            .first()
        )
        if authorized.instance is None:
            raise Unauthenticated("The element token is not known.")
    if not user.may(needed):
        raise PermissionDenied(f"This needs the role {needed}; yours is {user.role}.")
    return authorized
