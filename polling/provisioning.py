"""An instance together with its pollers: made, changed, polled now (CONTRACT §3, §9)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from acton_hub.deadlocks import again_after_deadlock
from acton_hub.queue import wake
from elements.acton import connections
from elements.acton.default_poller import DEFAULT
from elements.models import Connection
from events import retention
from events.models import Delivery, Subscription
from instances import configuration as instance_configuration
from instances.actions import set_enabled
from instances.configuration import Configuration, ConfigurationError
from instances.models import Instance
from polling import configuration as poller_configuration
from polling import legacy, schedule
from polling.models import Poll, Poller, Position

DEFAULT_MINUTES = 15
BOTH_KEYS_SIGN = timedelta(hours=24)
DELETED = "The instance was deleted."
WEBHOOK_GAP = timedelta(seconds=30)  # 30,000 calls a day are not many


class PollRefused(Exception):
    """A poll cannot be queued now; the message says why."""


@dataclass(frozen=True)
class Grant:
    """What Act-On is asked with: a code, or a refresh token where the caller made the exchange itself."""

    code: str = ""
    external: bool = False


def resources_of(raw: dict[str, Any], parsed: Configuration) -> dict[str, dict[str, Any]]:
    """The resources to poll, by name. Raises ConfigurationError that names the key at fault."""
    objects = raw.get("event.objects")
    given = raw.get(poller_configuration.KEY)
    if given is not None and not (isinstance(given, str) and not given.strip()):
        if not given and not parsed.events_enabled:
            return {}
        return poller_configuration.parse(given)
    urls = raw.get(legacy.KEY)
    if isinstance(urls, str) and urls.strip():
        try:
            return poller_configuration.parse(legacy.entries(urls))
        except ConfigurationError:
            raise
        except ValueError as error:
            raise ConfigurationError(f"configuration.{legacy.KEY}", str(error)) from None
    if objects is None or objects == "":
        return poller_configuration.parse(None)
    if not isinstance(objects, str):
        raise ConfigurationError("configuration.event.objects", "must be a text of names, separated by commas")
    names = ["contacts" if name.strip() == "events" else name.strip() for name in objects.split(",") if name.strip()]
    for name in names:
        if name not in DEFAULT:
            raise ConfigurationError("configuration.event.objects", f"unknown resource {name!r}")
    return {name: dict(DEFAULT[name]) for name in names}


def create(user: User, *, name: str, tags: list[str], raw: dict[str, Any], grant: Grant) -> Instance:
    """Authenticate at Act-On and store the instance with its pollers.

    Raises ConfigurationError that names a key, or what `connections.authenticate` raises; nothing is stored then.
    """
    began = timezone.now()
    instance_configuration.refuse_masks(raw)
    parsed = instance_configuration.parse(raw)
    resources = resources_of(raw, parsed)
    connection = _authenticate(user, parsed, grant, None)
    with transaction.atomic():
        instance = Instance(organization=user.organization, user=user, connection=connection, name=name, tags=tags)
        instance.set_token()
        take_configuration(instance, raw, parsed)
        instance.save()
        Subscription.objects.create(organization=user.organization, instance=instance)
        arrange_pollers(instance, resources, started_anew=True, now=began)
    return instance


def update(
    instance: Instance,
    *,
    name: str | None,
    tags: list[str] | None,
    raw: dict[str, Any] | None,
    merge: bool,
    grant: Grant,
) -> None:
    """Change an instance: `raw` is merged into its configuration, or replaces it; `grant` authenticates it again.

    Positions stay, unless events are switched on that were off: those start at now. Raises as `create` does, and
    changes nothing then.
    """
    now = timezone.now()
    stored = {**instance.configuration, **instance.secret_values, **_connection_values(instance.connection)}
    given = instance_configuration.unmasked(raw if raw is not None else {}, stored)
    merged = stored | given if merge or raw is None else _connection_values(instance.connection) | given
    parsed = instance_configuration.parse(merged)
    resources = resources_of(merged, parsed)
    connection = instance.connection
    if grant.code or grant.external:
        connection = _authenticate(instance.user, parsed, grant, instance.connection)
    with transaction.atomic():
        previous, instance.connection = instance.connection, connection
        started_anew = bool(parsed.events_enabled) and not instance.events_enabled
        instance.name = name if name is not None else instance.name
        instance.tags = tags if tags is not None else instance.tags
        former_key = instance.signature_key
        take_configuration(instance, merged, parsed)
        if former_key and instance.signature_key and former_key != instance.signature_key:
            instance.retire_signature_key(former_key, now + BOTH_KEYS_SIGN)
        instance.save(force_update=True)  # one that is deleted meanwhile does not come back
        subscription = instance.subscription
        subscription.instance = instance
        subscription.save(update_fields=["host", "timed_out", "not_before"])
        arrange_pollers(instance, resources, started_anew=started_anew, now=now)
        drop_unused(previous)


def delete(instance: Instance) -> None:
    """Delete it with all that it has left: a second for each 40,000 changes, in which others write as ever.

    Before that it is disabled and its polls end, so that nothing new comes; where the hub ends before all is done it
    stays so, to be deleted again.
    """
    set_enabled(instance, enabled=False)
    Poll.objects.unfinished().filter(poller__instance=instance).update(
        status=Poll.Status.FAILED, error=DELETED, finished_at=timezone.now()
    )
    again_after_deadlock(partial(retention.empty, instance))
    again_after_deadlock(partial(_remove, instance))


@transaction.atomic
def _remove(instance: Instance) -> None:
    connection = instance.connection
    row = Instance.objects.filter(pk=instance.pk)
    list(Subscription.objects.filter(instance=instance).select_for_update())
    retention.hold(row, Delivery.objects.filter(subscription__instance=instance))
    row.delete()
    drop_unused(connection)


def drop_unused(connection: Connection) -> None:
    """An authorization that no instance uses is not kept."""
    if not connection.instances.exists():
        connection.delete()


def _connection_values(connection: Connection) -> dict[str, str]:
    return {"oauth.api.key": connection.api_key, "oauth.api.secret": connection.api_secret}


def _authenticate(user: User, parsed: Configuration, grant: Grant, own: Connection | None) -> Connection:
    for key, value in (("oauth.api.key", parsed.api_key), ("oauth.api.secret", parsed.api_secret)):
        if not value:
            raise ConfigurationError(f"configuration.{key}", "is required")
    if grant.external and not parsed.refresh_token:
        raise ConfigurationError("configuration.oauth.user.refresh_token", "is required with externalAuthentication")
    if not grant.external and not parsed.oauth_callback_url:
        raise ConfigurationError("configuration.oauth.callback.url", "is required")
    if not grant.external and not grant.code:
        raise ConfigurationError("providerData.code", "is required")
    return connections.authenticate(
        user.organization,
        host=connections.host_of(parsed.base_url),
        api_key=parsed.api_key,
        api_secret=parsed.api_secret,
        account=parsed.account,
        callback_url=parsed.oauth_callback_url,
        code="" if grant.external else grant.code,
        refresh_token=parsed.refresh_token if grant.external else "",
        own=own,
    )


def take_configuration(instance: Instance, raw: dict[str, Any], parsed: Configuration) -> None:
    """Put the configuration into the instance, its secrets apart; the caller saves."""
    clear, secret = instance_configuration.split_secrets(
        {key: value for key, value in raw.items() if value is not None}
    )
    for key, value in (
        (instance_configuration.CALLBACK_URL, parsed.callback_url),
        ("oauth.callback.url", parsed.oauth_callback_url),
    ):
        if value:
            clear[key] = value
    if "event.vendor.type" in clear:
        clear["event.vendor.type"] = parsed.vendor_type
    instance.configuration = clear
    instance.set_secrets(secret)
    instance.events_enabled = bool(parsed.events_enabled)
    instance.refresh_minutes = parsed.refresh_minutes or DEFAULT_MINUTES


def arrange_pollers(
    instance: Instance, resources: dict[str, dict[str, Any]], *, started_anew: bool, now: datetime
) -> None:
    """One poller a resource. A known one keeps its position; a new one starts at now, on Act-On's clock."""
    started_ms = instance.connection.acton_ms(now)
    known = {poller.resource: poller for poller in instance.pollers.all()}
    for resource, entry in resources.items():
        poller = known.pop(resource, None) or Poller(instance=instance, resource=resource, started_ms=started_ms)
        if poller.pk is None or started_anew:
            poller.started_ms = started_ms
            if poller.pk is not None:
                Position.objects.filter(poller=poller).delete()
        poller.configuration = entry
        if poller.pk is None or started_anew or poller.next_poll_at > now + poller.interval:
            poller.next_poll_at = schedule.first_poll(poller.schedule_key, poller.interval, now)
            poller.scheduled_at = now
        poller.save()
    for poller in known.values():
        poller.delete()


def _check_active(poller: Poller) -> None:
    """Raises PollRefused where polling is pointless."""
    instance = poller.instance
    if instance.disabled:
        raise PollRefused("The instance is disabled.")
    if instance.connection.needs_authentication:
        raise PollRefused("The instance needs authentication.")
    if not instance.events_enabled:
        raise PollRefused("Events are not enabled for the instance.")
    if instance.paused:
        raise PollRefused("Polling is paused.")


def backfill(poller: Poller, begin_ms: int, *, dry_run: bool, redeliver: bool, list_id: str = "") -> Poll:
    """Queue a reading of everything since `begin_ms` (Act-On's clock), of one list where `list_id` names it.

    Raises PollRefused while a poll is there.
    """
    _check_active(poller)
    now = timezone.now()
    with transaction.atomic():
        if Poll.objects.unfinished().filter(poller=poller).exists():
            raise PollRefused("A poll is queued or running.")
        poll = Poll.objects.create(
            poller=poller,
            trigger=Poll.Trigger.BACKFILL,
            queued_at=now,
            due_at=now,
            backfill={"from": begin_ms, "dry_run": dry_run, "redeliver": redeliver, "list": list_id},
        )
        wake("polling.tasks.run_due_polls")
    return poll


def poll_now(poller: Poller) -> Poll:
    """Queue a poll at once; the schedule is not moved. One that is queued already is returned.

    Raises PollRefused where one is running, or where polling it is pointless.
    """
    _check_active(poller)
    with transaction.atomic():
        unfinished = Poll.objects.unfinished().filter(poller=poller).first()
        if unfinished is not None and unfinished.status == Poll.Status.RUNNING:
            raise PollRefused("A poll is running.")
        now = timezone.now()
        poll = unfinished or Poll.objects.create(poller=poller, trigger=Poll.Trigger.MANUAL, queued_at=now, due_at=now)
        wake("polling.tasks.run_due_polls")
    return poll


def poll_soon(instance: Instance, resource: str, now: datetime) -> bool:
    """Have the instance's poller of that resource run soon, for a webhook; False where polling will not see the change.

    A stream of webhooks makes no more polls than one in WEBHOOK_GAP, and the back-off after a failure stays. Where
    polling rests (disabled, authentication needed) it goes on from the old position, and so brings the change then.
    """
    poller = instance.pollers.filter(resource=resource).first()
    if poller is None or not instance.events_enabled:
        return False
    last = poller.polls.order_by("-pk").values_list("queued_at", flat=True).first()
    at = max(now, last + WEBHOOK_GAP) if last else now
    Poller.objects.filter(pk=poller.pk, failures=0, next_poll_at__gt=at).update(next_poll_at=at, scheduled_at=now)
    return True
