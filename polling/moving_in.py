"""Instances as the old platform's API gave them out, taken over with their ids and tokens (CONTRACT §3).

Nothing is asked of Act-On: the refresh token is stored as it came, and the first poll, or the keeping alive of tokens,
refreshes it, within the limit of five token calls an hour.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.core.management.color import no_style
from django.db import connections as databases
from django.db import transaction
from django.utils import timezone
from django.utils.html import strip_tags

from accounts.models import User
from acton_hub.encryption import lookup_hash, lookup_hashes
from elements.acton import connections, limits
from elements.models import Connection
from events.delivery import PLATFORM_HOSTS
from events.models import Subscription
from instances import configuration as instance_configuration
from instances.configuration import ConfigurationError
from instances.models import Instance
from polling import provisioning

LARGEST_ID = 2**62


@dataclass
class Row:
    """One instance of the file; `place` is its line, or its number in the array."""

    place: str
    value: Any
    warnings: list[str] = field(default_factory=list)


class BadRow(ValueError):
    """The row cannot be taken; the message names the key."""


def rows_of(text: str) -> Iterator[Row]:
    """The rows of a JSON array, or of one JSON object a line. A line that cannot be read is a row with that error."""
    if text.lstrip().startswith("["):
        for number, value in enumerate(json.loads(text), start=1):
            yield Row(f"row {number}", value)
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                yield Row(f"line {number}", json.loads(line))
            except ValueError as error:
                yield Row(f"line {number}", BadRow(f"is not valid JSON: {error}"))


def take(user: User, row: Row, *, dry_run: bool) -> str:
    """Take one row over; returns what was done: `created`, or `unchanged` where it is there already.

    Raises BadRow. In a dry run everything is checked, and nothing stored.
    """
    if isinstance(row.value, BadRow):
        raise row.value
    if not isinstance(row.value, dict):
        raise BadRow("must be an object")
    pk, token, name = _head(row.value)
    there = Instance.objects.filter(pk=pk).select_related("organization").first()
    if there is not None:
        if there.organization_id == user.organization_id and there.token == token:
            return "unchanged"
        raise BadRow(f"id: {pk} belongs to another instance of this hub")
    if Instance.objects.with_token(token).exists():
        raise BadRow("token: belongs to another instance of this hub")
    raw, parsed, resources = _configuration(row)
    if not dry_run:
        _store(user, row.value, pk, token, name, raw, parsed, resources)
    return "created"


def _head(value: dict[str, Any]) -> tuple[int, str, str]:
    pk, token, name = value.get("id"), value.get("token"), value.get("name")
    if isinstance(pk, bool) or not isinstance(pk, int) or not 0 < pk < LARGEST_ID:
        raise BadRow("id: must be a number")
    if not isinstance(token, str) or not token.strip():
        raise BadRow("token: is required")
    if not isinstance(name, str) or not strip_tags(name).strip():
        raise BadRow("name: is required")
    element = value.get("element")
    key = element.get("key") if isinstance(element, dict) else "acton"
    if key != "acton":
        raise BadRow(f"element.key: must be acton, not {key!r}")
    return pk, token.strip(), strip_tags(name).strip()[:200]


def _configuration(row: Row) -> tuple[dict[str, Any], instance_configuration.Configuration, dict[str, dict[str, Any]]]:
    raw = row.value.get("configuration")
    if not isinstance(raw, dict):
        raise BadRow("configuration: must be an object")
    raw = dict(raw)
    refresh = row.value.get("refreshToken") or row.value.get("refresh_token")
    if refresh:
        raw["oauth.user.refresh_token"] = refresh
    if "event.notification.enabled" not in raw and isinstance(row.value.get("eventsEnabled"), bool):
        raw["event.notification.enabled"] = row.value["eventsEnabled"]
    for key in ("oauth.api.key", "oauth.api.secret", "oauth.user.refresh_token"):
        value = raw.get(key)
        if not isinstance(value, str) or not value.strip() or value == instance_configuration.MASK:
            raise BadRow(f"configuration.{key}: is required, in clear")
    for key, value in list(raw.items()):
        if value == instance_configuration.MASK:
            row.warnings.append(f"configuration.{key}: is masked, and left out")
            del raw[key]
    try:
        parsed = instance_configuration.parse(raw)
        resources = provisioning.resources_of(raw, parsed)
    except ConfigurationError as error:
        raise BadRow(str(error)) from None
    if urlsplit(parsed.callback_url).hostname in PLATFORM_HOSTS:
        row.warnings.append(
            "event.notification.callback.url: leads to the old platform, which is gone; events are kept by this hub"
        )
    return raw, parsed, resources


@transaction.atomic
def _store(
    user: User,
    value: dict[str, Any],
    pk: int,
    token: str,
    name: str,
    raw: dict[str, Any],
    parsed: instance_configuration.Configuration,
    resources: dict[str, dict[str, Any]],
) -> None:
    now = timezone.now()
    tags = value.get("tags")
    instance = Instance(
        pk=pk,
        organization=user.organization,
        user=user,
        connection=_connection(user, parsed, now),
        name=name,
        tags=[str(tag)[:200] for tag in tags] if isinstance(tags, list) else [name],
        disabled=bool(value.get("disabled", False)),
    )
    instance.set_token(token)
    provisioning.take_configuration(instance, raw, parsed)
    instance.save(force_insert=True)
    Subscription.objects.create(organization=user.organization, instance=instance)
    provisioning.arrange_pollers(instance, resources, started_anew=True, now=now)


def _connection(user: User, parsed: instance_configuration.Configuration, now: datetime) -> Connection:
    """The authorization of that API key and account; its access token counts as expired, so that it is refreshed."""
    host = connections.host_of(parsed.base_url)
    known = Connection.objects.filter(
        organization=user.organization,
        host=host,
        account=parsed.account,
        api_key_hash__in=lookup_hashes(parsed.api_key),
    )
    for connection in known:
        if parsed.account or connection.refresh_token == parsed.refresh_token:
            return connection
    return Connection.objects.create(
        organization=user.organization,
        budget=limits.budget_for(host, parsed.api_key, parsed.account),
        host=host,
        account=parsed.account,
        api_key=parsed.api_key,
        api_key_hash=lookup_hash(parsed.api_key),
        api_secret=parsed.api_secret,
        refresh_token=parsed.refresh_token,
        access_expires_at=now - timedelta(seconds=1),
        refreshed_at=now - connections.KEEP_ALIVE,
    )


def move_sequence() -> None:
    """New ids begin behind those that were taken over; PostgreSQL has to be told, SQLite goes on by itself."""
    database = databases["default"]
    with database.cursor() as cursor:
        for statement in database.ops.sequence_reset_sql(no_style(), [Instance]):
            cursor.execute(statement)
