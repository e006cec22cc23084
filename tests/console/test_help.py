"""The help pages: what they lead to, and the signature checker, which keeps nothing of the key."""

import json
import logging
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry, User
from events import signing
from tests.console import rows

CHECK = "/console/help/signature"
KEY = "planted-signature-key"
BODY = '{"message": {"name": "Andr\\u00e9"}}'


def headers(body: str = BODY, key: str = KEY) -> str:
    sent = signing.headers_for("an-id", key, body.encode())
    sent |= signing.standard_headers("an-id", [key], body.encode(), timezone.now())
    return "\r\n".join(f"{name}: {value}" for name, value in sent.items())


def check(browser: Client, status: int = 200, **fields: Any) -> str:
    response = browser.post(CHECK, {"body": BODY, "headers": headers(), "key": KEY} | fields)
    assert response.status_code == status
    return response.content.decode()


def test_a_signature_that_holds(browser: Client) -> None:
    text = check(browser)
    assert "The signature holds" in text
    assert text.count("is-good") == 3


def test_a_body_that_was_parsed_and_written_again_is_named(browser: Client) -> None:
    text = check(browser, body=json.dumps(json.loads(BODY), indent=2))
    assert "does not hold" in text
    assert "parsed and written again" in text


def test_line_ends_as_a_browser_sends_them_are_no_fault(browser: Client) -> None:
    for signed in ("one\ntwo", "one\r\ntwo"):
        assert "The signature holds" in check(browser, body="one\r\ntwo", headers=headers(signed))


def test_a_file_is_taken_byte_for_byte(browser: Client) -> None:
    for body, words in ((BODY, "The signature holds"), (f"{BODY}\n", "line end behind the body")):
        file = SimpleUploadedFile("body.json", body.encode())
        assert words in check(browser, body="", file=file)


def test_nothing_of_the_key_is_sent_back_logged_or_noted(browser: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for body in (BODY, "another"):
        assert KEY not in check(browser, body=body)
    assert KEY not in caplog.text
    assert not AuditEntry.objects.filter(action__contains="signature").exists()


def test_the_stored_key_of_an_instance_will_do_and_is_not_shown(browser: Client, member: User) -> None:
    row = rows.instance(member)
    text = check(browser, key="", instance=row.pk, headers=headers(key=row.signature_key))
    assert "The signature holds" in text
    assert rows.SECRET not in text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"body": ""}, "Paste the body"),
        ({"key": ""}, "Enter the key, or the id of an instance"),
        ({"headers": ""}, "This field is required"),
        ({"instance": "999"}, "no such instance"),
        ({"instance": "ten"}, "whole number"),
        ({"body": "x" * (256 * 1024 + 1)}, "at most 262144 characters"),
    ],
)
def test_what_is_missing_is_said_beside_its_field(browser: Client, fields: dict[str, str], words: str) -> None:
    assert words in check(browser, 400, **fields)


def test_a_strangers_instance_lends_no_key(browser: Client, stranger: User) -> None:
    theirs = rows.instance(stranger)
    assert "no such instance" in check(browser, 400, key="", instance=theirs.pk)


def test_the_programs_have_this_hubs_own_address(browser: Client, settings: Any) -> None:
    settings.PUBLIC_URL = "https://hub.example"
    text = browser.get("/console/help/connect").content.decode()
    assert text.count("https://hub.example/elements/api-v2/instances") == 3
