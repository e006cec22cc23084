"""Guessing passwords is slow, and tells nothing."""

import io
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.hashers import get_hasher
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts import bootstrap
from accounts.models import Role, User

pytestmark = pytest.mark.django_db(databases="__all__")
PASSWORD = "correct horse"


@pytest.fixture
def member(user: User) -> User:
    user.set_password(PASSWORD)
    user.save()
    return user


def log_in(email: str, password: str, address: str = "203.0.113.1") -> int:
    form = {"username": email, "password": password}
    return Client(REMOTE_ADDR=address).post("/console/login", form).status_code


def fail(times: int, email: str, address: str = "203.0.113.1") -> None:
    for _ in range(times):
        log_in(email, "wrong", address)


def test_an_account_rests_after_many_failures_from_anywhere_and_others_do_not(member: User) -> None:
    other, _ = bootstrap.create_organization("Other", "other@example.com", password=PASSWORD)[1:]
    for number in range(settings.AXES_FAILURE_LIMIT):
        fail(1, member.email.upper() if number % 2 else member.email, f"203.0.113.{number}")
    assert log_in(member.email, PASSWORD, "198.51.100.1") == 429
    assert log_in(other.email, PASSWORD, "198.51.100.1") == 302
    with time_machine.travel(timezone.now() + settings.AXES_COOLOFF_TIME + timedelta(seconds=5)):
        assert log_in(member.email, PASSWORD, "198.51.100.1") == 302


def test_an_address_rests_whatever_accounts_it_tries(member: User) -> None:
    for number in range(settings.AXES_FAILURE_LIMIT):
        fail(1, f"nobody-{number}@example.com")
    assert log_in(member.email, PASSWORD) == 429
    assert log_in(member.email, PASSWORD, "198.51.100.1") == 302


def test_a_success_forgives(member: User) -> None:
    fail(settings.AXES_FAILURE_LIMIT - 1, member.email)
    assert log_in(member.email, PASSWORD) == 302
    fail(settings.AXES_FAILURE_LIMIT - 1, member.email)
    assert log_in(member.email, PASSWORD) == 302


def test_a_success_forgives_nobody_else(member: User) -> None:
    """Whoever has an account of their own, guessing from where they log in."""
    other, _ = bootstrap.create_organization("Other", "other@example.com", password=PASSWORD)[1:]
    fail(settings.AXES_FAILURE_LIMIT - 1, member.email)
    assert log_in(other.email, PASSWORD) == 302
    fail(1, member.email)
    assert log_in(member.email, PASSWORD, "198.51.100.1") == 429
    assert log_in(other.email, PASSWORD) == 429


def test_an_account_that_is_not_there_looks_like_one_that_is(member: User) -> None:
    def page(email: str) -> str:
        response = Client().post("/console/login", {"username": email, "password": "wrong"})
        return response.content.decode().replace(email, "").partition("<main")[2]

    def without_token(text: str) -> str:
        return "".join(line for line in text.splitlines() if "csrfmiddlewaretoken" not in line)

    assert without_token(page(member.email)) == without_token(page("nobody@example.com"))


def test_who_is_not_there_takes_as_much_hashing_as_who_is(member: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the time of an answer tells nothing, either."""
    hasher = type(get_hasher())
    encode, hashed = hasher.encode, []

    def counted(*args: Any, **given: Any) -> Any:
        hashed.append(1)
        return encode(*args, **given)

    monkeypatch.setattr(hasher, "encode", counted)
    inactive = bootstrap.add_member(member.organization, "gone@example.com", Role.VIEWER)[0]
    User.objects.filter(pk=inactive.pk).update(is_active=False)
    counts = []
    for email in (member.email, "nobody@example.com", inactive.email):
        hashed.clear()
        log_in(email, "wrong")
        counts.append(len(hashed))
    assert counts == [1, 1, 1]


@pytest.mark.parametrize("weak", ["short1!", "password", "12345678901234", "engineer@example.com", ""])
def test_weak_passwords_are_refused(member: User, monkeypatch: pytest.MonkeyPatch, weak: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{weak}\n"))
    with pytest.raises(CommandError):
        call_command("credentials", user=member.email, set_password=True)
    member.refresh_from_db()
    assert member.check_password(PASSWORD)


def test_a_new_password_ends_the_sessions_of_the_old_one(member: User) -> None:
    browser = Client()
    browser.post("/console/login", {"username": member.email, "password": PASSWORD})
    assert browser.get("/console/instances").status_code == 200
    member.set_password("correct horse battery")
    member.save()
    assert browser.get("/console/instances").status_code == 302


def test_the_session_is_another_one_after_the_log_in(member: User) -> None:
    browser = Client()
    browser.get("/console/login")
    session = browser.session
    session["planted"] = "by somebody else"
    session.save()
    before = session.session_key
    browser.post("/console/login", {"username": member.email, "password": PASSWORD})
    assert browser.session.session_key != before


def test_no_password_is_kept(member: User) -> None:
    log_in("my-secret-password", "another-secret")
    kept = str(list(AccessAttempt.objects.values()))
    assert "another-secret" not in kept
