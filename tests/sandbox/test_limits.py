import threading
from typing import Any

import pytest
import time_machine
from django.db import connections
from django.test import Client

from sandbox import limits
from sandbox.clock import now_ms
from sandbox.models import Account, Call
from tests.sandbox.conftest import Application

pytestmark = pytest.mark.django_db(databases=["default", "sandbox"])


@pytest.fixture
def limited(logged_in: Application) -> Application:
    Account.objects.update(calls_per_second=5, token_calls_per_hour=5)
    limits.reset(Account.objects.get(), 0)
    return logged_in


def test_sixth_call_within_a_second_is_throttled_and_the_next_second_is_free(limited: Application) -> None:
    with time_machine.travel("2026-11-24T00:00:00Z", tick=False) as clock:
        limited.log_in()
        assert [limited.get("/api/1/list").status_code for _ in range(5)] == [200] * 5
        refused = limited.get("/api/1/list")
        assert refused.status_code == 429
        assert "limit exceeded" in refused.content.decode().lower()
        assert "Retry-After" not in refused.headers
        clock.shift(0.999)
        assert limited.get("/api/1/list").status_code == 429
        clock.shift(0.001)
        assert limited.get("/api/1/list").status_code == 200
    counted = limits.counters(Account.objects.get())
    assert counted["most_in_a_second"] == 7
    assert counted["refused_by_second"] == 2
    assert counted["api_calls"] == 8
    assert counted["calls_today"] == 6


def test_day_is_used_up_until_the_next_one_begins(limited: Application) -> None:
    Account.objects.update(calls_per_day=2)
    with time_machine.travel("2026-11-24T23:00:00Z", tick=False) as clock:
        limited.log_in()
        assert [limited.get("/api/1/list").status_code for _ in range(3)] == [200, 200, 429]
        clock.shift(3599)
        assert limited.get("/api/1/list").status_code == 429
        clock.shift(1)
        limited.log_in()
        assert limited.get("/api/1/list").status_code == 200
    assert Account.objects.get().refused_by_day == 2


def test_sixth_token_call_within_an_hour_is_throttled_whatever_its_grant(limited: Application) -> None:
    with time_machine.travel("2026-11-24T00:00:00Z", tick=False) as clock:
        limited.log_in()
        for _ in range(2):
            assert limited.refresh().status_code == 200
        assert limited.exchange(limited.code()).status_code == 200
        assert limited.log_in(password="wrong").status_code == 403
        code = limited.code()
        assert limited.exchange(code).status_code == 429
        clock.shift(3600)
        limited.log_in()
        late = limited.code()
        assert limited.exchange(late).status_code == 200
    assert Account.objects.get().refused_by_hour == 1


def test_refused_exchange_does_not_spend_the_code(limited: Application) -> None:
    code = limited.code()
    Account.objects.update(token_calls_per_hour=0)
    assert limited.exchange(code).status_code == 429
    Account.objects.update(token_calls_per_hour=5)
    assert limited.exchange(code).status_code == 200


def test_accounts_have_limits_of_their_own(limited: Application, client: Client) -> None:
    Account.objects.update(calls_per_second=0)
    other = Application(client)
    other.log_in("bea")
    assert other.get("/api/1/list").status_code == 200
    assert limited.get("/api/1/list").status_code == 429


def test_reset_makes_the_limits_whole(limited: Application, control: Any) -> None:
    Account.objects.update(calls_per_day=1)
    assert [limited.get("/api/1/list").status_code for _ in range(2)] == [200, 429]
    answer = control("POST", "/accounts/ann/reset").json()
    assert answer["refused_by_day"] == answer["api_calls"] == 0
    assert limited.get("/api/1/list").status_code == 200


def test_log_tells_path_query_status_and_limit(limited: Application, control: Any) -> None:
    Account.objects.update(calls_per_second=1)
    with time_machine.travel("2026-11-24T00:00:00Z", tick=False):
        limited.log_in()
        limited.get("/api/1/list", {"count": "1"})
        limited.get("/api/1/list/l-0001")
    logged = control("GET", "/accounts/ann/requests?path=/api/").json()["requests"]
    assert [(call["method"], call["path"], call["status"], call["refused_by"]) for call in logged] == [
        ("GET", "/api/1/list?count=1", 200, ""),
        ("GET", "/api/1/list/l-0001", 429, "second"),
    ]
    after = control("GET", f"/accounts/ann/requests?after={logged[0]['id']}").json()["requests"]
    assert [call["id"] for call in after] == [logged[1]["id"]]


def test_log_keeps_the_newest_calls_and_the_token_calls_of_the_hour(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "KEPT_CALLS", 10)
    monkeypatch.setattr(limits, "PRUNE_EVERY", 1)
    now = now_ms()
    limits.admit(account.pk, Call.Kind.TOKEN, "POST", "/token", now - 4_000_000)
    limits.admit(account.pk, Call.Kind.TOKEN, "POST", "/token", now)
    for number in range(20):
        limits.admit(account.pk, Call.Kind.API, "GET", f"/api/{number}", now)
    assert Call.objects.filter(kind=Call.Kind.API).count() == 10
    assert [call.at_ms for call in Call.objects.filter(kind=Call.Kind.TOKEN)] == [now]


@pytest.mark.django_db(databases=["default", "sandbox"], transaction=True)
def test_concurrent_threads_never_get_more_through_than_allowed(account: Account) -> None:
    Account.objects.update(calls_per_second=5)
    start, at_ms = threading.Barrier(12), now_ms()
    refusals: list[str] = []

    def call() -> None:
        start.wait()
        try:
            refusals.append(limits.admit(account.pk, Call.Kind.API, "GET", "/api/1/list", at_ms).refusal)
        finally:
            connections["sandbox"].close()

    threads = [threading.Thread(target=call) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refusals) == 12
    assert refusals.count("") == 5
    account.refresh_from_db()
    assert (account.most_in_a_second, account.refused_by_second, account.calls_today) == (12, 7, 5)
