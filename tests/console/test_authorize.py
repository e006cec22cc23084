"""The way through Act-On and back, and each way in which it may end."""

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import Role, User
from console.models import Authorization
from elements.acton import limits
from instances.models import Instance
from tests.act_on import Sandbox
from tests.console.flow import FIELDS, back, code_for, send, sent_to_acton

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


@pytest.fixture
def state(browser: Client, act_on: Sandbox) -> str:
    """The form was sent, and waits for Act-On."""
    return sent_to_acton(browser.post("/console/instances/new", FIELDS))


def refused(response: Any, *words: str) -> str:
    """The page that says what happened; nothing was made."""
    text = html.unescape(response.content.decode())
    assert response.status_code == 400
    for word in words:
        assert word in text
    assert "my-secret" not in text
    assert not Instance.objects.exists()
    return text


def test_an_instance_is_made(browser: Client, member: User, act_on: Sandbox) -> None:
    instance = send(browser, act_on)
    assert (instance.name, instance.tags, instance.refresh_minutes) == ("From the form", ["Docs", "More"], 20)
    assert instance.user == member
    assert instance.signature_key == "planted-signature-key"


def test_nothing_of_the_form_is_stored_in_clear(browser: Client, state: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT form FROM console_authorization")
        ((stored,),) = cursor.fetchall()
    assert "my-secret" not in stored
    assert "planted" not in stored


def test_a_refusal_is_told_in_act_ons_words_and_the_form_comes_back(browser: Client, state: str) -> None:
    text = refused(
        back(browser, state=state, error="access_denied", error_description="The user said no"),
        "Act-On refused",
        "access_denied: The user said no",
    )
    link = re.search(r'href="(/console/instances/new\?again=\d+)"', text)
    assert link
    again = browser.get(link[1])
    filled = again.content.decode()
    assert "From the form" in filled
    assert "my-secret" not in filled
    assert "Enter it again" in filled
    assert "oauth.api.secret&quot;:" not in filled


def test_a_refused_code_is_told_in_act_ons_words(browser: Client, state: str) -> None:
    refused(back(browser, state=state, code="no-such-code"), "Act-On refused", "code")


def test_an_answer_is_good_once(browser: Client, state: str, act_on: Sandbox) -> None:
    assert back(browser, state=state, code=code_for(act_on)).status_code == 302
    second = back(browser, state=state, code=code_for(act_on))
    assert second.status_code == 400
    assert "used before" in second.content.decode()
    assert Instance.objects.count() == 1


def test_an_answer_is_good_for_ten_minutes(browser: Client, state: str, act_on: Sandbox) -> None:
    row = Authorization.objects.get()
    row.created_at -= timedelta(minutes=10, seconds=1)
    row.save()
    refused(back(browser, state=state, code=code_for(act_on)), "longer than ten minutes")


def test_a_state_that_was_made_up_is_refused(browser: Client, state: str, act_on: Sandbox) -> None:
    refused(back(browser, state=state + "x", code=code_for(act_on)), "belongs to no request")


def test_another_session_of_the_same_user_cannot_use_it(state: str, member: User, act_on: Sandbox) -> None:
    other = Client()
    other.force_login(member)
    refused(back(other, state=state, code=code_for(act_on)), "another session")
    refused(back(Client(), state=state, code=code_for(act_on)), "another session")


def test_an_act_on_that_fails_is_told(browser: Client, state: str, act_on: Sandbox) -> None:
    act_on.account("POST", "/faults", {"kind": "error", "path": "/token"})
    refused(back(browser, state=state, code=code_for(act_on)), "could not be asked")


def test_without_a_token_call_left_the_same_answer_works_later(browser: Client, state: str, act_on: Sandbox) -> None:
    code = code_for(act_on)
    budget = limits.budget_for("sandbox", "my-key", "")
    budget.token_calls = [int(timezone.now().timestamp() * 1000)] * limits.TOKEN_CALLS_AN_HOUR
    budget.save()
    refused(back(browser, state=state, code=code), "No token call is left", "was not spent")
    budget.token_calls = []
    budget.save()
    assert back(browser, state=state, code=code).status_code == 302


def test_an_answer_without_a_code_is_told(browser: Client, state: str) -> None:
    refused(back(browser, state=state), "sent no code")


def test_a_callback_url_of_ones_own_lets_the_code_be_brought(browser: Client, act_on: Sandbox) -> None:
    response = browser.post("/console/instances/new", FIELDS | {"oauth_callback_url": "https://mycoolapp.com/auth"})
    assert response.status_code == 200
    text = response.content.decode()
    state = text.split('name="state" value="')[1].split('"')[0]
    made = browser.post("/console/instances/finish", {"state": state, "code": act_on.code()})
    assert made.status_code == 302
    assert Instance.objects.get().option("oauth.callback.url") == "https://mycoolapp.com/auth"


def test_authenticating_again_takes_the_stored_secret_and_changes_nothing_else(
    browser: Client, act_on: Sandbox
) -> None:
    made = send(browser, act_on)
    made.connection.problem = "invalid_grant"
    made.connection.save()
    state = sent_to_acton(browser.post(f"/console/instances/{made.pk}/authenticate"))
    assert back(browser, state=state, code=code_for(act_on)).headers["Location"] == f"/console/instances/{made.pk}"
    again = Instance.objects.get()
    assert again.state == "polling"
    for attribute in ("name", "tags", "configuration", "secret_values", "token"):
        assert getattr(again, attribute) == getattr(made, attribute), attribute


def test_an_authentication_again_that_fails_leads_to_the_instances_form(browser: Client, act_on: Sandbox) -> None:
    made = send(browser, act_on)
    state = sent_to_acton(browser.post(f"/console/instances/{made.pk}/authenticate"))
    text = back(browser, state=state, error="access_denied").content.decode()
    link = re.search(r'href="(/console/instances/new\?again=\d+)"', text)
    assert link
    assert f'action="/console/instances/{made.pk}/edit"' in browser.get(link[1]).content.decode()


def test_who_lost_the_role_meanwhile_makes_nothing(browser: Client, member: User, state: str, act_on: Sandbox) -> None:
    member.role = Role.VIEWER
    member.save()
    refused(back(browser, state=state, code=code_for(act_on)), "may not change instances any more")
