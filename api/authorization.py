"""The Authorization header, parsed once for every endpoint (CONTRACT §1).

`User <user secret>, Organization <organization secret>[, Element <instance token>]`: scheme names in any case, in any
order. The API never looks at the console's cookie.
"""

import re
from datetime import datetime
from functools import cache
from typing import cast

from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import Organization, Role, User
from acton_hub.encryption import lookup_hashes
from instances.models import Instance

# In the models' own order, and texts and numbers only, which come the same from every database.
USER_COLUMNS = ["id", "organization_id", "email", "role"]
ORGANIZATION_COLUMNS = ["id", "secret_hash", "name", "failure_policy"]
_PART = re.compile(r"\s*(user|organization|element)\s+([A-Za-z0-9+/=_\-.~]+)\s*", re.IGNORECASE)


class Unauthenticated(Exception):
    """The header is missing, malformed or wrong."""


class ApiRequest(HttpRequest):
    """A request whose caller is known. `instance` is the one whose Element token was sent."""

    caller: User
    organization: Organization
    instance: Instance | None
    audit_target: str  # what the audit log shall name, where the path tells too little; never a text that was sent


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
    user = _loaded_with(lookup_hashes(secret))
    if user is not None:
        return user
    former = User.objects.with_former_secret(secret, now).filter(is_active=True)
    return former.select_related("organization").defer("secret", "password", "organization__secret").first()


@cache
def _statement(hashes: int) -> str:
    """What looks up an active user by that many hashes, as Django writes it: writing it costs more than running it."""
    rows = User.objects.filter(secret_hash__in=[str(number) for number in range(hashes)], is_active=True)
    columns = [*USER_COLUMNS, *(f"organization__{name}" for name in ORGANIZATION_COLUMNS)]
    return str(rows.values_list(*columns).query.sql_with_params()[0])


def _loaded_with(hashes: list[str]) -> User | None:
    """The user and the organization; what is no column of theirs here is loaded when it is asked for."""
    with connection.cursor() as cursor:
        cursor.execute(_statement(len(hashes)), hashes)
        row = cursor.fetchone()
    if row is None:
        return None
    user = User.from_db(connection.alias, USER_COLUMNS, row[: len(USER_COLUMNS)])
    user.organization = Organization.from_db(connection.alias, ORGANIZATION_COLUMNS, row[len(USER_COLUMNS) :])
    return user


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
