from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.test import Client

from sandbox.models import Account
from tests.sandbox.conftest import REDIRECT, Application

pytestmark = pytest.mark.django_db(databases=["default", "sandbox"])
QUERY = {"response_type": "code", "client_id": "key", "redirect_uri": REDIRECT, "state": "a b"}
PAGE = "/sandbox/authorize"


def test_page_has_the_elements_that_automation_looks_for(client: Client) -> None:
    text = client.get(PAGE, QUERY).content.decode()
    for element in ("authorizeLink", "oauth_user_name", "oauth_user_password", "loginBtn"):
        assert f'id="{element}"' in text


def test_logging_in_makes_the_account_and_answers_with_code_and_state(client: Client) -> None:
    response = client.post(f"{PAGE}?response_type=code&client_id=key&redirect_uri={REDIRECT}%3Fa%3D1&state=x",
                           {"user": "bea", "password": "pw"})  # fmt: skip
    parts = urlsplit(response.headers["Location"])
    answer = parse_qs(parts.query)
    assert response.status_code == 302
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == REDIRECT
    assert answer["a"] == ["1"]
    assert answer["state"] == ["x"]
    assert answer["code"]
    assert Account.objects.get(name="bea").lists.count() == 3


@pytest.mark.parametrize("form", [{"user": "ann", "password": "wrong"}, {"user": "a/b", "password": "x"}, {"user": ""}])
def test_refused_login_shows_the_form_again(client: Client, form: dict[str, str]) -> None:
    response = client.post(f"{PAGE}?response_type=code&client_id=key&redirect_uri={REDIRECT}", form)
    assert response.status_code == 400
    assert b'class="errorlist"' in response.content
    assert not Account.objects.exists()


def test_refusing_tells_the_application(client: Client) -> None:
    response = client.post(f"{PAGE}?response_type=code&client_id=key&redirect_uri={REDIRECT}&state=s", {"refuse": "1"})
    assert parse_qs(urlsplit(response.headers["Location"]).query)["error"] == ["access_denied"]


@pytest.mark.parametrize(
    "wrong",
    [{"redirect_uri": "javascript:alert(1)"}, {"redirect_uri": ""}, {"client_id": ""}, {"response_type": "token"},
     {"redirect_uri": "http://[x"}, {"redirect_uri": "http://a b/"}],
)  # fmt: skip
def test_question_that_cannot_be_answered_is_not_redirected(client: Client, wrong: dict[str, str]) -> None:
    assert client.get(PAGE, QUERY | {"auto": "1"} | wrong).status_code == 400


def test_code_is_exchanged_once(app: Application) -> None:
    code = app.code()
    body = app.exchange(code).json()
    assert body | {"access_token": "", "refresh_token": ""} == {
        "access_token": "", "refresh_token": "", "scope": "offline-access", "token_type": "Bearer", "expires_in": 3600,
    }  # fmt: skip
    again = app.exchange(code)
    assert (again.status_code, again.json()["error"]) == (403, "invalid_grant")


def test_code_is_bound_to_redirect_address_and_key(app: Application, client: Client) -> None:
    code = app.code()
    assert app.exchange(code, "http://other.example.com/").status_code == 403
    assert Application(client, "other").exchange(code).status_code == 403
    assert app.exchange(code).status_code == 200


def test_code_expires_after_ten_minutes(app: Application) -> None:
    with time_machine.travel("2026-11-24T00:00:00Z", tick=False) as clock:
        early, late = app.code(), app.code()
        clock.shift(599)
        assert app.exchange(early).status_code == 200
        clock.shift(1)
        assert app.exchange(late).status_code == 403


def test_key_keeps_the_secret_it_came_with(app: Application, client: Client) -> None:
    assert app.log_in().status_code == 200
    refused = Application(client, secret="another").log_in()
    assert refused.status_code == 401
    assert refused.json() == {"error": "access_denied", "error_description": "Unauthorized"}


def test_refused_grant_does_not_bind_a_key_to_a_secret(app: Application, client: Client) -> None:
    assert Application(client, secret="typo").exchange("no such code").status_code == 403
    assert app.log_in().status_code == 200


def test_wrong_password_is_an_invalid_grant(app: Application) -> None:
    assert app.log_in(password="wrong").json()["error"] == "invalid_grant"


def test_unknown_grant_type_is_refused(app: Application) -> None:
    assert app.token_call(grant_type="implicit").status_code == 400


def test_refreshing_rotates_and_kills_the_old_access_token_at_once(logged_in: Application) -> None:
    old_access, old_refresh = logged_in.access_token, logged_in.refresh_token
    assert logged_in.refresh().status_code == 200
    assert old_refresh != logged_in.refresh_token
    assert logged_in.get("/api/1/list", token=old_access).status_code == 401
    assert logged_in.get("/api/1/list").status_code == 200


def test_last_refresh_token_is_honoured_until_the_new_pair_is_used(logged_in: Application) -> None:
    first = logged_in.refresh_token
    logged_in.refresh(first)
    assert logged_in.refresh(first).status_code == 200
    assert logged_in.refresh(first).status_code == 200
    logged_in.get("/api/1/list")
    assert logged_in.refresh(first).status_code == 403
    second = logged_in.refresh_token
    logged_in.refresh(second)
    logged_in.refresh()
    assert logged_in.refresh(second).status_code == 403


def test_strict_account_honours_a_refresh_token_once(logged_in: Application, account: Account) -> None:
    Account.objects.update(strict_refresh=True)
    first = logged_in.refresh_token
    assert logged_in.refresh(first).status_code == 200
    assert logged_in.refresh(first).status_code == 403


def test_another_login_kills_tokens_of_the_same_application_only(
    logged_in: Application, client: Client, account: Account
) -> None:
    old = logged_in.refresh_token
    stranger = Application(client, "another key")
    stranger.log_in()
    assert logged_in.get("/api/1/list").status_code == 200
    logged_in.log_in()
    assert logged_in.refresh(old).status_code == 403
    assert stranger.get("/api/1/list").status_code == 200


def test_access_token_expires_after_an_hour(app: Application, account: Account) -> None:
    with time_machine.travel("2026-11-24T00:00:00Z", tick=False) as clock:
        app.log_in()
        clock.shift(3599)
        assert app.get("/api/1/list").status_code == 200
        clock.shift(1)
        refused = app.get("/api/1/list")
        assert refused.status_code == 401
        assert refused.json() == {"httpCode": "401", "httpMessage": "Unauthorized", "moreInformation": ""}
        assert app.refresh().status_code == 200


def test_refresh_token_lasts_a_month(app: Application, account: Account) -> None:
    with time_machine.travel("2026-11-24T00:00:00Z", tick=False) as clock:
        app.log_in()
        clock.shift(29 * 86_400)
        assert app.refresh().status_code == 200
        clock.shift(31 * 86_400)
        assert app.refresh().status_code == 403
