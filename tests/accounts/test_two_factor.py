"""The second factor: a code after the password, good once, guessed slowly; and the ways back for who lost the phone."""

import re
from datetime import datetime, timedelta

import pyotp
import pytest
import time_machine
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import two_factor
from accounts.models import AuditEntry, TwoFactor, User

pytestmark = pytest.mark.django_db(databases="__all__")
PASSWORD = "correct horse battery"
PAGE = "/console/account/two-factor"


@pytest.fixture
def member(user: User) -> User:
    user.set_password(PASSWORD)
    user.is_staff = True
    user.save()
    return user


@pytest.fixture
def browser(member: User) -> Client:
    """Whoever has logged in with the password alone."""
    client = Client()
    client.post("/console/login", {"username": member.email, "password": PASSWORD})
    return client


@pytest.fixture
def recovery(browser: Client) -> list[str]:
    """The recovery codes of a member who has switched the second factor on, by the pages."""
    browser.post(f"{PAGE}/begin")
    response = browser.post(f"{PAGE}/on", {"password": PASSWORD, "code": code(timezone.now() - timedelta(seconds=30))})
    assert response.status_code == 200
    return re.findall(r"^(?:.*<code>)?((?:[a-z2-7]{4}-){3}[a-z2-7]{4})$", response.content.decode(), re.MULTILINE)


def seed() -> str:
    return str(TwoFactor.objects.get().seed)


def code(at: datetime | None = None) -> str:
    return pyotp.TOTP(seed()).at(at or timezone.now())


def wrong() -> str:
    """Six digits that are no code now, nor a step before or after."""
    near = {code(timezone.now() + timedelta(seconds=30 * step)) for step in range(-3, 4)}
    return next(text for text in (f"{number:06d}" for number in range(100)) if text not in near)


def first_step(member: User, address: str = "203.0.113.1", **more: str) -> Client:
    client = Client(REMOTE_ADDR=address)
    response = client.post("/console/login", {"username": member.email, "password": PASSWORD, **more})
    assert response.headers["Location"] == "/console/login/code"
    return client


def is_in(client: Client) -> bool:
    return client.get("/console/instances").status_code == 200


def test_the_page_shows_the_key_as_a_picture_and_as_text_within_the_policy(browser: Client) -> None:
    assert "Set up" in browser.get(PAGE).content.decode()
    assert browser.post(f"{PAGE}/begin").status_code == 302
    response = browser.get(PAGE)
    text = response.content.decode()
    assert "<svg" in text
    assert seed() in text
    assert not re.search(r"<[^>]+\s(style|on\w+)=|<script(?![^>]*\ssrc=)|<style", text), "the policy forbids it"
    assert "no-store" in response.headers["Cache-Control"]


def test_it_counts_only_once_password_and_code_were_right(browser: Client, member: User) -> None:
    browser.post(f"{PAGE}/begin")
    for form in ({"password": PASSWORD, "code": wrong()}, {"password": "x", "code": code()}, {}):
        assert browser.post(f"{PAGE}/on", form).status_code == 400
        assert two_factor.of(member) is None
    assert browser.post(f"{PAGE}/on", {"password": PASSWORD, "code": code()}).status_code == 200
    assert two_factor.of(member) is not None


def test_the_log_in_asks_for_the_code_in_a_second_step(recovery: list[str], member: User) -> None:
    client = first_step(member)
    assert not is_in(client), "the password alone is not enough"
    assert client.post("/console/login/code", {"code": wrong()}).status_code == 400
    assert not is_in(client)
    assert client.post("/console/login/code", {"code": f" {code()[:3]} {code()[3:]} "}).status_code == 302
    assert is_in(client)


def test_it_leads_on_to_where_one_wanted_to_go_but_not_to_another_host(recovery: list[str], member: User) -> None:
    wanted = first_step(member, next="/console/events").post("/console/login/code", {"code": recovery[0]})
    assert wanted.headers["Location"] == "/console/events"
    strange = first_step(member, next="https://evil.example/").post("/console/login/code", {"code": recovery[1]})
    assert strange.headers["Location"] == "/console/"


def test_a_code_is_good_once_and_so_is_every_one_before_it(recovery: list[str], member: User) -> None:
    now = timezone.now()
    with time_machine.travel(now, tick=False):
        used = code()
        assert first_step(member).post("/console/login/code", {"code": used}).status_code == 302
        again = first_step(member)
        assert again.post("/console/login/code", {"code": used}).status_code == 400
        assert again.post("/console/login/code", {"code": code(now - timedelta(seconds=30))}).status_code == 400
        assert again.post("/console/login/code", {"code": code(now + timedelta(seconds=30))}).status_code == 302


def test_a_phone_may_be_a_step_off_and_no_more(recovery: list[str], member: User) -> None:
    now = timezone.now() + timedelta(minutes=10)
    with time_machine.travel(now, tick=False):
        for off_s, status in ((-60, 400), (60, 400), (-30, 302), (30, 302)):
            given = code(now + timedelta(seconds=off_s))
            assert first_step(member).post("/console/login/code", {"code": given}).status_code == status


def test_a_recovery_code_is_good_once(recovery: list[str], member: User) -> None:
    assert len(set(recovery)) == two_factor.RECOVERY_CODES
    assert first_step(member).post("/console/login/code", {"code": recovery[3].upper()}).status_code == 302
    assert first_step(member).post("/console/login/code", {"code": recovery[3]}).status_code == 400
    assert len(TwoFactor.objects.get().recovery_hashes) == two_factor.RECOVERY_CODES - 1


def test_new_recovery_codes_end_the_old_ones(browser: Client, recovery: list[str], member: User) -> None:
    assert browser.post(f"{PAGE}/codes", {"password": PASSWORD, "code": wrong()}).status_code == 400
    assert browser.post(f"{PAGE}/codes", {"password": PASSWORD, "code": code()}).status_code == 200
    assert first_step(member).post("/console/login/code", {"code": recovery[0]}).status_code == 400


def test_guessing_codes_ends_in_a_rest_that_the_right_password_does_not_end(recovery: list[str], member: User) -> None:
    for number in range(settings.AXES_FAILURE_LIMIT - 1):
        client = first_step(member, f"203.0.113.{number}")
        assert client.post("/console/login/code", {"code": wrong()}).status_code == 400
    last = first_step(member, "198.51.100.1")
    waits = first_step(member, "198.51.100.2")
    assert last.post("/console/login/code", {"code": wrong()}).status_code == 429
    assert waits.post("/console/login/code", {"code": code()}).status_code == 429
    assert not is_in(waits)


def test_guessing_at_an_open_browser_ends_in_a_rest_too(browser: Client, recovery: list[str], member: User) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        answer = browser.post(f"{PAGE}/off", {"password": "guessed", "code": code()})
    assert answer.status_code == 429
    assert browser.post(f"{PAGE}/off", {"password": PASSWORD, "code": code()}).status_code == 429
    assert two_factor.of(member) is not None


def test_what_was_begun_ends_after_five_minutes_and_with_another_password(recovery: list[str], member: User) -> None:
    late = first_step(member)
    with time_machine.travel(timezone.now() + timedelta(minutes=5, seconds=1)):
        assert late.post("/console/login/code", {"code": code()}).headers["Location"] == "/console/login"
    changed = first_step(member)
    member.set_password("another one entirely")
    member.save()
    assert changed.post("/console/login/code", {"code": code()}).headers["Location"] == "/console/login"
    assert not is_in(changed)


def test_the_session_is_another_one_after_each_step(recovery: list[str], member: User) -> None:
    client = Client()
    client.get("/console/login")
    session = client.session
    session["planted"] = "by somebody else"
    session.save()
    keys = [session.session_key]
    client.post("/console/login", {"username": member.email, "password": PASSWORD})
    keys.append(client.session.session_key)
    client.post("/console/login/code", {"code": code()})
    keys.append(client.session.session_key)
    assert len(set(keys)) == 3


def test_the_admin_is_no_way_around(recovery: list[str], member: User) -> None:
    client = Client()
    form = {"username": member.email, "password": PASSWORD, "next": "/console/admin/"}
    answer = client.post("/console/admin/login/", form)
    assert answer.headers["Location"].startswith("/console/login")
    assert client.get("/console/admin/").status_code == 302


def test_it_can_be_switched_off_with_password_and_code(browser: Client, recovery: list[str], member: User) -> None:
    assert browser.post(f"{PAGE}/off", {"password": PASSWORD, "code": recovery[0]}).status_code == 302
    assert TwoFactor.objects.count() == 0
    client = Client()
    assert client.post("/console/login", {"username": member.email, "password": PASSWORD}).status_code == 302
    assert is_in(client)


def test_the_command_line_resets_it(recovery: list[str], member: User, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("credentials", user=member.email, reset_two_factor=True)
    assert "no second factor any more" in capsys.readouterr().out
    assert two_factor.of(member) is None
    assert AuditEntry.objects.latest("pk").action == "reset two-factor"


def test_neither_seed_nor_codes_stand_in_the_database(recovery: list[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT seed, recovery_hashes FROM accounts_twofactor")
        stored = str(cursor.fetchall())
    assert seed() not in stored
    assert not any(each in stored for each in recovery)


def test_what_is_done_is_in_the_audit_log(recovery: list[str]) -> None:
    actions = set(AuditEntry.objects.values_list("action", flat=True))
    assert {"console: Begin to set up one's second factor", "console: Switch one's second factor on"} <= actions
