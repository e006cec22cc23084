"""The Authorization header, in every form that is accepted and every form that is not (CONTRACT §1)."""

import contextlib

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from accounts import bootstrap
from accounts.models import User
from api.authorization import Unauthenticated, parse

SECRET = "abc/+=Z09"


@pytest.mark.parametrize(
    "header",
    [
        f"User {SECRET}, Organization {SECRET}",
        f"user {SECRET},organization {SECRET}",
        f"  ORGANIZATION   {SECRET}  ,  User {SECRET} ",
        f"Organization {SECRET}, User {SECRET}, Element {SECRET}",
    ],
)
def test_schemes_in_any_case_order_and_spacing(header: str) -> None:
    schemes = parse(header)
    assert schemes["user"] == schemes["organization"] == SECRET


@pytest.mark.parametrize(
    "header", ["User", "User ", "Bearer abc", f"User {SECRET} Organization {SECRET}", ",", "User a, User b"]
)
def test_a_malformed_header_is_refused(header: str) -> None:
    with pytest.raises(Unauthenticated):
        parse(header)


@given(st.text(max_size=60))
def test_any_text_is_either_read_or_refused(header: str) -> None:
    with contextlib.suppress(Unauthenticated):
        assert parse(header)


def test_the_right_pair_is_let_in_under_both_base_paths(api: Client) -> None:
    assert api.get("/instances").json() == []
    assert api.get("/elements/api-v2/instances").status_code == 200


def test_whatever_is_missing_or_wrong_is_401_in_the_envelope(user: User) -> None:
    right = user.organization.secret
    stranger, _, _ = bootstrap.create_organization("Stranger", "stranger@example.com")
    for header in (
        "",
        f"User {user.secret}",
        f"Organization {right}",
        f"User {right}, Organization {user.secret}",
        f"User {user.secret}, Organization wrong",
        f"User wrong, Organization {right}",
        f"User {user.secret}, Organization {stranger.secret}",
        f"User {user.secret}, Element nothing",
        f"User {user.secret}, Organization {right}, Element nothing",
    ):
        response = Client().get("/instances", headers={"Authorization": header})
        assert response.status_code == 401, header
        assert response.json()["requestId"] == response.headers["Elements-Request-Id"]
        assert response.json()["message"]


def test_an_inactive_user_is_not_let_in(api: Client, user: User) -> None:
    user.is_active = False
    user.save()
    assert api.get("/instances").status_code == 401


def test_the_console_cookie_opens_nothing(user: User) -> None:
    browser = Client()
    browser.force_login(user)
    assert browser.get("/instances").status_code == 401


def test_the_header_keeps_working_after_the_keys_were_rotated(api: Client, settings: object) -> None:
    from cryptography.fernet import Fernet

    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *settings.ENCRYPTION_KEYS]  # type: ignore[attr-defined]
    assert api.get("/instances").status_code == 200
