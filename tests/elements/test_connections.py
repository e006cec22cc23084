"""Tokens: refreshed once for any number of callers, rotated, stored before use (CONTRACT §8; DESIGN promise 5)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import User
from elements.acton import client, connections
from elements.acton.exceptions import NeedsAuthentication, Throttled
from elements.models import CallBudget, Connection
from elements.tasks import keep_tokens_alive
from polling import provisioning
from tests.act_on import Sandbox

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


@pytest.fixture
def row(user: User, act_on: Sandbox) -> Connection:
    """A connection that was authenticated with a code."""
    body = act_on.body()
    grant = provisioning.Grant(code=body["providerData"]["code"])
    instance = provisioning.create(user, name="n", tags=[], raw=body["configuration"], grant=grant)
    return instance.connection


def token_calls(act_on: Sandbox) -> int:
    return int(act_on.account("GET", "/counters")["token_calls"])


def expire(row: Connection, **left: int) -> None:
    Connection.objects.filter(pk=row.pk).update(access_expires_at=timezone.now() + timedelta(**left))


def test_a_token_that_works_is_used_as_it_is(row: Connection, act_on: Sandbox) -> None:
    assert connections.access_token(row.pk) == row.access_token
    assert token_calls(act_on) == 1


def test_a_token_is_renewed_ahead_of_its_end_and_rotated(row: Connection, act_on: Sandbox) -> None:
    expire(row, minutes=4)
    token = connections.access_token(row.pk)
    fresh = Connection.objects.get(pk=row.pk)
    assert token == fresh.access_token != row.access_token
    assert fresh.refresh_token != row.refresh_token
    assert fresh.generation == row.generation + 1
    assert token_calls(act_on) == 2
    assert connections.access_token(row.pk) == token


def test_twenty_callers_at_expiry_make_one_refresh(row: Connection, act_on: Sandbox) -> None:
    expire(row, seconds=-1)

    def call(_: int) -> str:
        try:
            return connections.access_token(row.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        tokens = set(pool.map(call, range(20)))
    assert len(tokens) == 1
    assert token_calls(act_on) == 2


def test_a_token_that_act_on_refuses_is_renewed_whatever_its_age(row: Connection, act_on: Sandbox) -> None:
    assert connections.access_token(row.pk, refused=row.access_token) != row.access_token
    assert token_calls(act_on) == 2


def test_a_refused_refresh_needs_a_person_and_says_why(row: Connection, act_on: Sandbox) -> None:
    act_on.account("POST", "/expire", {"refresh": True})
    expire(row, seconds=-1)
    with pytest.raises(NeedsAuthentication):
        connections.access_token(row.pk)
    stopped = Connection.objects.get(pk=row.pk)
    assert stopped.problem
    assert stopped.problem_since is not None
    calls = token_calls(act_on)
    with pytest.raises(NeedsAuthentication):
        connections.access_token(row.pk)
    assert token_calls(act_on) == calls, "refused credentials stop at once"


def test_a_failure_on_the_way_is_tried_again_with_the_same_refresh_token(row: Connection, act_on: Sandbox) -> None:
    expire(row, seconds=-1)
    act_on.account("POST", "/faults", {"kind": "error", "path": "/token", "times": 1})
    from elements.acton.exceptions import ActOnError

    with pytest.raises(ActOnError):
        connections.access_token(row.pk)
    assert not Connection.objects.get(pk=row.pk).problem
    assert connections.access_token(row.pk)


def test_without_a_token_call_left_a_token_that_still_works_is_used(row: Connection, act_on: Sandbox) -> None:
    budget = CallBudget.objects.get(pk=row.budget_id)
    now_ms = int(timezone.now().timestamp() * 1000)
    budget.token_calls = [now_ms] * 5
    budget.save()
    expire(row, minutes=4)
    assert connections.access_token(row.pk) == row.access_token
    expire(row, seconds=-1)
    with pytest.raises(Throttled):
        connections.access_token(row.pk)
    assert token_calls(act_on) == 1


def test_a_lease_left_by_a_killed_process_runs_out(row: Connection, act_on: Sandbox) -> None:
    expire(row, seconds=-1)
    Connection.objects.filter(pk=row.pk).update(refresh_lease_until=timezone.now() - timedelta(seconds=1))
    assert connections.access_token(row.pk)


def test_a_refresh_token_is_used_at_least_every_20_days_also_of_a_disabled_instance(
    row: Connection, act_on: Sandbox
) -> None:
    row.instances.update(disabled=True)
    keep_tokens_alive()
    assert token_calls(act_on) == 1
    Connection.objects.filter(pk=row.pk).update(refreshed_at=timezone.now() - timedelta(days=20, seconds=1))
    keep_tokens_alive()
    assert token_calls(act_on) == 2
    assert Connection.objects.get(pk=row.pk).refresh_token != row.refresh_token


@pytest.mark.parametrize(
    "date", ["Wed, 21 Oct 2026 07:28:00 -0000", "Wed, 21 Oct 2026 07:28:00", "Wed, 21 Oct 99999999999 07:28:00 GMT"]
)
def test_no_date_header_can_lose_the_tokens_that_came_with_it(date: str) -> None:
    now = timezone.now()
    assert isinstance(connections.clock_offset_ms(client.Answer({}, client._date(date), now, now, {})), int)
