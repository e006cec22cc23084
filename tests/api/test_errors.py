"""One envelope for every error, and never a page or a redirect (CONTRACT §1)."""

import json
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client

PATHS = ["/nothing", "/elements/api-v2/nothing", "/instances/", "/instances/5", "/instances/99999999999999999999999"]


@pytest.mark.parametrize("path", PATHS)
def test_what_is_not_there_is_404_as_json(api: Client, path: str) -> None:
    response = api.get(path)
    assert response.status_code == 404
    assert set(response.json()) == {"requestId", "message"}
    assert "X-Frame-Options" not in response.headers


def test_a_method_that_is_not_possible_is_405(api: Client) -> None:
    response = api.post("/instances/5", {}, content_type="application/json")
    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, PUT, PATCH, DELETE, OPTIONS"


# What the platform's documentation prints: in one the quote that closes the callback URL is missing, in the other a
# colon, a comma, and the quotes of the name.
FIRST_TEXT = """{
  "element": {
    "key": "acton"
  },
  "providerData": {
    "code": "<AUTHORIZATION_GRANT_CODE>"
  },
  "configuration": {
    "oauth.callback.url": "https://mycoolapp.com/auth,
    "oauth.api.key": "<INSERT_ACT-ON_CLIENT_ID>",
    "oauth.api.secret": "<INSERT_ACT-ON_CLIENT_SECRET>"
  },
  "tags": [
    "Docs"
  ],
  "name": "API Instance"
}"""
SECOND_TEXT = """{
  "element": {
    "key": "acton"
  },
  "configuration": {
    "oauth.callback.url": "https://mycoolapp.com/auth",
    "event.poller.refresh_interval" "15"
    "event.notification.enabled": true
  },
  "tags": "Docs",
  "name": <INSERT_INSTANCE_NAME>
}"""


@pytest.mark.parametrize(("text", "line"), [(FIRST_TEXT, 9), (SECOND_TEXT, 7)])
def test_the_documentations_texts_are_400_with_line_and_column(api: Client, text: str, line: int) -> None:
    response = api.post("/elements/api-v2/instances", text, content_type="application/json")
    assert response.status_code == 400
    assert f"at line {line}, column" in response.json()["message"]


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ([], "body"),
        ({}, "configuration"),
        ({"configuration": []}, "configuration"),
        ({"configuration": {}, "name": 7}, "name"),
        ({"configuration": {}, "name": "<b></b>"}, "name"),
        ({"configuration": {}, "tags": {"a": 1}, "name": "n"}, "tags"),
        ({"configuration": {}, "name": "n"}, "element.key"),
        ({"configuration": {}, "name": "n", "element": {"key": "sfdc"}}, "element.key"),
        ({"configuration": {}, "name": "n", "element": {"key": "acton"}, "providerData": "x"}, "providerData"),
    ],
)
def test_a_body_at_fault_is_400_that_names_the_key(api: Client, body: object, key: str) -> None:
    response = api.post("/instances", json.dumps(body), content_type="application/json")
    assert response.status_code == 400
    assert key in response.json()["message"]


@pytest.mark.parametrize("text", [b"\xff\xfe{}", b'{"a": NaN}', b"[" * 100_000, b'{"a": 1' * 3])
def test_bytes_that_are_no_json_are_400(api: Client, text: bytes) -> None:
    assert api.post("/instances", text, content_type="application/json").status_code == 400


def test_browsers_may_read_the_platforms_headers(api: Client) -> None:
    assert "Elements-Next-Page-Token" in api.get("/instances").headers["Access-Control-Expose-Headers"]


def test_a_body_that_is_too_large_is_413(api: Client) -> None:
    response = api.post("/instances", b'"' + b"x" * 3_000_000 + b'"', content_type="application/json")
    assert response.status_code == 413


def test_a_database_that_refuses_is_a_503_that_says_when_to_come_again(api: Client) -> None:
    def refuse(*args: Any) -> None:
        raise OperationalError("database or disk is full")

    with connection.execute_wrapper(refuse):
        response = api.post("/instances", {}, content_type="application/json")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert response.json()["message"] == "The database does not answer now; try again."
    assert response.json()["requestId"] == response.headers["Elements-Request-Id"]
