"""The account pages: secrets shown only when asked for, members made and changed, the password, the failure policy."""

import re
from typing import Any

import pytest
from django.test import Client

from accounts import bootstrap
from accounts.models import AuditEntry, FormerSecret, Role, User
from tests.conftest import authorization

ACCOUNT = "/console/account"


def text_of(response: Any, status: int = 200) -> str:
    assert response.status_code == status
    text: str = response.content.decode()
    return text


def noted() -> list[tuple[str, str]]:
    entries = AuditEntry.objects.filter(action__startswith="console: ").order_by("pk")
    return list(entries.values_list("action", "target"))


@pytest.fixture
def second(member: User) -> User:
    return bootstrap.add_member(member.organization, "second@acme.example", Role.OPERATOR)[0]


@pytest.mark.parametrize("part", ["", "/organization"])
def test_a_secret_is_shown_on_demand_and_that_is_noted(browser: Client, member: User, part: str) -> None:
    secret = member.organization.secret if part else member.secret
    assert secret not in text_of(browser.get(ACCOUNT + part))
    shown = browser.post(f"{ACCOUNT}{part}/secret/show")
    assert secret in text_of(shown)
    assert "no-store" in shown.headers["Cache-Control"]
    ((action, _),) = noted()
    assert "secret" in action
    assert secret not in str(noted())


@pytest.mark.parametrize("part", ["", "/organization"])
def test_a_secret_is_replaced_and_the_old_one_ended(browser: Client, member: User, part: str) -> None:
    before = authorization(member)
    assert browser.post(f"{ACCOUNT}{part}/secret/rotate", {"keep": "day"}).status_code == 302
    member = User.objects.select_related("organization").get(pk=member.pk)
    for header in (before, authorization(member)):
        assert Client(headers=header).get("/instances").status_code == 200
    assert "still good" in text_of(browser.get(ACCOUNT + part))
    former = FormerSecret.objects.get()
    assert browser.post(f"{ACCOUNT}{part}/secret/end", {"former": former.pk}).status_code == 302
    assert Client(headers=before).get("/instances").status_code == 401
    assert "no such former secret" in text_of(browser.post(f"{ACCOUNT}{part}/secret/end", {"former": former.pk}), 404)


def test_a_time_that_cannot_be_chosen_changes_nothing(browser: Client, member: User) -> None:
    answer = text_of(browser.post(f"{ACCOUNT}/secret/rotate", {"keep": "for ever"}), 400)
    assert "not one of the available choices" in answer
    assert User.objects.get(pk=member.pk).secret == member.secret
    assert noted() == []


def test_operators_see_their_own_secret_and_not_the_organizations(client: Client, second: User) -> None:
    client.force_login(second)
    assert second.secret in text_of(client.post(f"{ACCOUNT}/secret/show"))
    text = text_of(client.get(f"{ACCOUNT}/organization"))
    assert "secret/show" not in text
    assert "Failure policy" in text
    assert "<button>Save" not in text


def test_the_failure_policy_is_the_one_of_the_api(browser: Client, member: User) -> None:
    assert browser.post(f"{ACCOUNT}/organization/policy", {"failure_policy": "queue"}).status_code == 302
    api = Client(headers=authorization(member))
    assert api.get("/accounts/settings").json() == {"notification.webhook.failure.policy": "queue"}
    assert noted() == [("console: Change the failure policy", "queue")]
    text_of(browser.post(f"{ACCOUNT}/organization/policy", {"failure_policy": "forget"}), 400)
    assert api.get("/accounts/settings").json() == {"notification.webhook.failure.policy": "queue"}


def test_a_member_is_made_with_a_password_that_is_shown_once(browser: Client, member: User) -> None:
    answer = text_of(browser.post(f"{ACCOUNT}/members/invite", {"email": "new@acme.example", "role": "viewer"}))
    (password,) = re.findall(r'<code id="password">(.+?)</code>', answer)
    new = User.objects.get(email="new@acme.example")
    assert (new.role, new.organization) == (Role.VIEWER, member.organization)
    assert new.check_password(password)
    assert new.secret not in answer
    assert password not in text_of(browser.get(f"{ACCOUNT}/members"))
    assert noted() == [("console: Invite a member", "new@acme.example (viewer)")]


@pytest.mark.parametrize(
    ("email", "role", "words"),
    [
        ("OPERATOR@acme.example", "viewer", "has an account already"),
        ("stranger@other.example", "viewer", "has an account already"),
        ("nobody", "viewer", "valid email address"),
        ("new@acme.example", "owner", "not one of the available choices"),
    ],
)
def test_what_cannot_be_a_member_is_said_beside_its_field(
    browser: Client, stranger: User, email: str, role: str, words: str
) -> None:
    assert words in text_of(browser.post(f"{ACCOUNT}/members/invite", {"email": email, "role": role}), 400)
    assert User.objects.count() == 2


def test_role_access_and_password_of_a_member(browser: Client, member: User, second: User) -> None:
    path = f"{ACCOUNT}/members/{second.pk}"
    browser.post(f"{path}/role", {"role": "admin"})
    browser.post(f"{path}/out")
    second.refresh_from_db()
    assert (second.role, second.is_active) == (Role.ADMIN, False)
    browser.post(f"{path}/in")
    answer = text_of(browser.post(f"{path}/password"))
    (password,) = re.findall(r'<code id="password">(.+?)</code>', answer)
    second.refresh_from_db()
    assert second.is_active
    assert second.check_password(password)
    assert browser.post(f"{path}/remove").status_code == 302
    assert not User.objects.filter(pk=second.pk).exists()
    assert noted()[0] == ("console: Change a member's role", "second@acme.example (admin)")
    assert [target for _, target in noted()[1:]] == ["second@acme.example"] * 4


def test_what_is_refused_is_said_and_not_noted(browser: Client, member: User, second: User) -> None:
    answer = text_of(browser.post(f"{ACCOUNT}/members/{member.pk}/role", {"role": "viewer"}), 409)
    assert "last administrator" in answer
    path = f"{ACCOUNT}/members/{second.pk}/role"
    assert "role: This field is required" in text_of(browser.post(path), 400)
    assert "role: Select a valid choice" in text_of(browser.post(path, {"role": "owner"}), 400)
    assert noted() == []


def test_the_password_is_changed_and_this_browser_stays(client: Client, member: User) -> None:
    member.set_password("correct horse battery")
    member.save()
    client.force_login(member)
    other = Client()
    other.force_login(member)
    wrong = {"old_password": "wrong", "new_password1": "staple-and-more", "new_password2": "staple-and-more"}
    assert "old password was entered incorrectly" in text_of(client.post(f"{ACCOUNT}/password", wrong), 400)
    assert client.post(f"{ACCOUNT}/password", wrong | {"old_password": "correct horse battery"}).status_code == 302
    assert client.get(ACCOUNT).status_code == 200
    assert other.get(ACCOUNT).status_code == 302


def test_guesses_of_the_old_password_count_as_failed_log_ins(client: Client, member: User) -> None:
    client.force_login(member)
    guess = {"old_password": "a guess", "new_password1": "staple-and-more", "new_password2": "staple-and-more"}
    statuses = [client.post(f"{ACCOUNT}/password", guess).status_code for _ in range(11)]
    assert (statuses[0], statuses[-1]) == (400, 429)


def test_a_look_at_the_form_of_an_instance_is_not_noted(browser: Client) -> None:
    for action in ("json", "switch", "add", "save"):
        browser.post("/console/instances/new", {"action": action, "p-TOTAL_FORMS": "0", "p-INITIAL_FORMS": "0"})
    assert noted() == []
