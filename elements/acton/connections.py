"""Authorization at Act-On: code exchange, refresh with rotation, and which instances share a connection (CONTRACT §8).

No HTTP happens inside a transaction. A new pair of tokens is stored before it is used for anything.
"""

import logging
import time
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import Organization
from acton_hub import masking, tallies
from acton_hub.encryption import lookup_hash, lookup_hashes
from elements.acton import client, limits, resources
from elements.acton.exceptions import ActOnError, NeedsAuthentication, Throttled, Unauthorized
from elements.models import Connection

logger = logging.getLogger(__name__)

REFRESH_AHEAD = timedelta(minutes=5)  # a token is renewed this long before it expires
REFRESH_LEASE = timedelta(seconds=45)  # longer than one token call can take
WAIT_FOR_REFRESH_S = 40.0
TOKEN_FIELDS = (
    "access_token", "refresh_token", "access_expires_at", "refreshed_at", "clock", "clock_offset_ms", "api_secret",
)  # fmt: skip
PROBE = {"listingtype": "contact_list", "count": "1", "offset": "0"}
KEEP_ALIVE = timedelta(days=20)  # a refresh token dies after a month unused


def host_of(base_url: str | None) -> str:
    """The host that `base.url` names, as it is stored: an address, or the word "sandbox".

    Raises ValueError for one that is not on the allow-list.
    """
    if not base_url:
        return str(settings.ACTON_API_URL)
    wanted = base_url.strip().rstrip("/")
    if settings.SANDBOX_ENABLED and wanted in ("sandbox", settings.SANDBOX_API_URL, f"{settings.PUBLIC_URL}/sandbox"):
        return "sandbox"
    known = [settings.ACTON_US_URL, settings.ACTON_EUROPE_URL, settings.ACTON_OLDER_URL, *settings.ACTON_API_HOSTS]
    if settings.ACTON_API_URL != "sandbox":
        known.append(settings.ACTON_API_URL)
    if wanted not in known:
        raise ValueError(f"must be one of the Act-On hosts this hub knows: {', '.join(known)}")
    return wanted


def authorize_url(*, host: str, api_key: str, callback_url: str, state: str, scope: str) -> str:
    """Where a browser goes to let somebody authorize the hub at Act-On."""
    base = settings.SANDBOX_AUTHORIZE_URL if host == "sandbox" else f"{host}/authorize"
    query = {"response_type": "code", "client_id": api_key, "redirect_uri": callback_url, "state": state}
    return f"{base}?{urlencode(query | ({'scope': scope} if scope else {}))}"


def authenticate(
    organization: Organization,
    *,
    host: str,
    api_key: str,
    api_secret: str,
    account: str,
    callback_url: str = "",
    code: str = "",
    refresh_token: str = "",
    own: Connection | None = None,
) -> Connection:
    """Exchange `code` (or, where the caller did that itself, `refresh_token`) and store the connection.

    The connection is `own` (that of an instance that is authenticated again), or one that the organization already
    has with that Act-On user, or a new one.
    Raises NeedsAuthentication where Act-On refuses, Throttled before Act-On is asked where no token call is left
    (the code is then not spent), ActOnError where Act-On cannot be reached; nothing is stored then.
    """
    budget = limits.budget_for(host, api_key, account)
    limits.reserve_token_call(budget.pk, keep=limits.KEPT_FOR_REFRESHING)
    grant = {"client_id": api_key, "client_secret": api_secret}
    if code:
        grant |= {"grant_type": "authorization_code", "code": code, "redirect_uri": callback_url}
    else:
        grant |= {"grant_type": "refresh_token", "refresh_token": refresh_token}
    connection = Connection(
        organization=organization, budget=budget, host=host, account=account,
        api_key=api_key, api_key_hash=lookup_hash(api_key), api_secret=api_secret,
    )  # fmt: skip
    answer = client.token_call(f"{connection.api_url}/token", grant)
    _take_tokens(connection, answer)
    known = _same_user(connection, own)
    if known is None:
        connection.save()
        return connection
    for field in TOKEN_FIELDS:
        setattr(known, field, getattr(connection, field))
    _store_tokens(known)
    return known


def _same_user(fresh: Connection, own: Connection | None) -> Connection | None:
    """The organization's connection with the same Act-On user as `fresh`, which just got its tokens.

    A named account tells. Where none is named, Act-On does: a token dies when another is issued for the same
    application and user, so a known connection whose token still works belongs to somebody else. Taking that one
    over would send one customer's contacts to another.
    """
    known = Connection.objects.filter(
        organization=fresh.organization,
        host=fresh.host,
        api_key_hash__in=lookup_hashes(fresh.api_key),
        account=fresh.account,
    ).order_by("pk")
    if fresh.account:
        return known.first()
    if own is not None and own in known:
        return own
    return next((connection for connection in known if _died_for(connection, fresh)), None)


def _died_for(known: Connection, fresh: Connection) -> bool:
    """Whether the tokens of `known` died when `fresh` got its own, that is, whether both are one user's.

    Where Act-On cannot tell now, the answer is no: at worst `known` will have to be authenticated again, in sight.
    """
    if known.needs_authentication:
        return False
    try:
        if not known.expires_within(timedelta(0), timezone.now()):
            return not _accepts(known, known.access_token)
        known.access_token = access_token(known.pk)
        if _accepts(fresh, fresh.access_token):
            return False
        # Refreshing the one killed the other: one user, and `known` holds the pair that lives.
        known.refresh_from_db()
        for field in TOKEN_FIELDS:
            setattr(fresh, field, getattr(known, field))
    except NeedsAuthentication:
        return True
    except ActOnError as error:
        logger.warning("cannot tell whose token it is connection=%s error=%r", known.pk, str(error))
        return False
    return True


def _accepts(connection: Connection, token: str) -> bool:
    def probe(leave_at: float) -> bool:
        try:
            resources.get(resources.Access(connection.api_url, token, leave_at), "/api/1/list", PROBE)
        except Unauthorized:
            return False
        return True

    return limits.within(connection.budget_id, probe, wait_s=10)


def _take_tokens(connection: Connection, answer: client.Answer) -> None:
    body: dict[str, Any] = answer.body
    lifetime = body.get("expires_in")
    seconds = lifetime if isinstance(lifetime, int) and lifetime > 0 else 3600
    connection.access_token, connection.refresh_token = body["access_token"], body["refresh_token"]
    connection.access_expires_at = answer.sent_at + timedelta(seconds=seconds)
    connection.refreshed_at = answer.sent_at
    connection.clock_offset_ms = clock_offset_ms(answer)
    connection.clock = answer.clock


def clock_offset_ms(answer: client.Answer) -> int:
    """Act-On's clock less ours, in ms; 0 where the two agree as far as a Date header of whole seconds can tell.

    Where they disagree it is rather too small: a moment of ours plus the offset is then early on Act-On's clock.
    """
    date = answer.date
    if date is None or (date <= answer.received_at and date + timedelta(seconds=1) >= answer.sent_at):
        return 0
    return int((date - answer.received_at).total_seconds() * 1000)


def _store_tokens(connection: Connection) -> None:
    """Store a new pair of tokens and wake what waited for it, at once and on its own."""
    if connection.problem:
        logger.info("authenticated again connection=%s", connection.pk)
    connection.generation += 1
    connection.refresh_lease_until = None
    connection.problem, connection.problem_since = "", None
    connection.save(update_fields=[*TOKEN_FIELDS, "generation", "refresh_lease_until", "problem", "problem_since"])


def access_token(connection_id: int, *, refused: str = "", wait_s: float = WAIT_FOR_REFRESH_S) -> str:
    """A token that works for some minutes yet, refreshed where needed; `refused` is one that Act-On just refused.

    Of any number of callers one refreshes, the others wait for its outcome. Raises NeedsAuthentication where only
    a person can help, Throttled where no token call is left, ActOnError where Act-On cannot be reached.
    """
    deadline = time.monotonic() + wait_s
    while True:
        connection = Connection.objects.filter(pk=connection_id).first()
        if connection is None:
            raise NeedsAuthentication("The instance was deleted meanwhile, and its authorization with it")
        now = timezone.now()
        if connection.problem:
            raise NeedsAuthentication("The instance needs authentication", provider_message=connection.problem)
        usable = connection.access_token != refused
        if usable and not connection.expires_within(REFRESH_AHEAD, now):
            return connection.access_token
        if _claim_refresh(connection, now):
            return _refresh(connection, refused)
        if usable and not connection.expires_within(timedelta(seconds=30), now):
            return connection.access_token  # somebody renews it ahead of time; it still works
        if time.monotonic() > deadline:
            raise ActOnError("Another process is refreshing the token and did not end")
        time.sleep(0.1)


def _claim_refresh(connection: Connection, now: datetime) -> bool:
    free = Q(refresh_lease_until=None) | Q(refresh_lease_until__lt=now)
    return bool(
        Connection.objects.filter(free, pk=connection.pk, generation=connection.generation).update(
            refresh_lease_until=now + REFRESH_LEASE
        )
    )


def _refresh(connection: Connection, refused: str) -> str:
    """Refresh, holding the lease. Act-On's new refresh token is stored before anything else can fail."""
    try:
        limits.reserve_token_call(connection.budget_id)
        answer = client.token_call(
            f"{connection.api_url}/token",
            {
                "grant_type": "refresh_token",
                "refresh_token": connection.refresh_token,
                "client_id": connection.api_key,
                "client_secret": connection.api_secret,
            },
        )
    except NeedsAuthentication as error:
        mark_refused(connection, error)
        tallies.add(tallies.count("refreshes", "refused"))
        raise
    except Throttled as error:
        if error.status is not None:
            limits.slow_down(connection.budget_id, error.retry_after or None)
        _give_back_lease(connection)
        tallies.add(tallies.count("refreshes", "failed"))
        alive = connection.access_token != refused and not connection.expires_within(
            timedelta(seconds=30), timezone.now()
        )
        if alive:
            return connection.access_token
        raise
    except ActOnError:
        _give_back_lease(connection)
        tallies.add(tallies.count("refreshes", "failed"))
        raise
    _take_tokens(connection, answer)
    _store_tokens(connection)
    tallies.add(tallies.count("refreshes", "succeeded"))
    logger.info("refreshed connection=%s generation=%s", connection.pk, connection.generation)
    return connection.access_token


def _give_back_lease(connection: Connection) -> None:
    Connection.objects.filter(pk=connection.pk, generation=connection.generation).update(refresh_lease_until=None)


def mark_refused(connection: Connection, error: ActOnError) -> None:
    """Only a person can help: polling stops until somebody authenticates again, and every page says why."""
    words = masking.in_words(error.provider_message or error.message)
    with transaction.atomic():
        changed = Connection.objects.filter(pk=connection.pk, generation=connection.generation).update(
            problem=words, problem_since=timezone.now(), refresh_lease_until=None
        )
    if changed:
        logger.warning("needs authentication connection=%s words=%r", connection.pk, words)
