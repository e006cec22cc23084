"""Where Act-On sends a browser back to."""

import html
import json
import re
import shlex
from typing import Any

from django.test import Client

CALLBACK = "/oauth/callback"
MEAN = "<script>'\"$(x)`y`</script>"


def page(client: Client, **query: Any) -> str:
    response = client.get(CALLBACK, query)
    assert response.status_code == 200
    assert "no-store" in response.headers["Cache-Control"]
    assert response.headers["X-Frame-Options"] == "DENY"
    return response.content.decode()


def test_a_code_is_shown_without_log_in_and_nothing_is_asked_of_the_database(client: Client) -> None:
    text = page(client, code="abc-123", state="my-state")
    assert "abc-123" in text
    assert "my-state" in text


def test_the_call_can_be_pasted_whatever_the_code_holds(client: Client) -> None:
    text = page(client, code=MEAN, state=MEAN)
    assert MEAN not in text
    call = next(code for code in re.findall(r"<code id=[^>]*>(.*?)</code>", text, re.DOTALL) if code.startswith("curl"))
    words = shlex.split(html.unescape(call))
    assert words[:3] == ["curl", "-X", "POST"]
    body = json.loads(words[words.index("-d") + 1])
    assert body["providerData"]["code"] == MEAN
    assert body["configuration"]["oauth.callback.url"].endswith(CALLBACK)


def test_a_refusal_is_shown_in_act_ons_words(client: Client) -> None:
    text = page(client, error="access_denied", error_description=MEAN, state="acton")
    assert "access_denied" in text
    assert html.escape(MEAN) in text
    assert "curl" not in text


def test_without_code_or_error_it_says_what_the_page_is_for(client: Client) -> None:
    assert "Nothing came back" in page(client)


def test_only_reading_is_allowed(client: Client) -> None:
    assert client.post(CALLBACK).status_code == 405
