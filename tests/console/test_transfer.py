"""A configuration as JSON: out, in again here or at another instance, and never a secret in it."""

import html
import json
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import User
from elements.acton.default_poller import DEFAULT
from instances.models import Instance
from tests.act_on import Sandbox
from tests.console import rows
from tests.console.flow import FIELDS, fields_of, send, sent_to_acton

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")
LIST = "/console/instances"


def upload(browser: Client, path: str, content: bytes) -> str:
    sent = {"document": "file", "file": SimpleUploadedFile("x.json", content, "application/json")}
    response = browser.post(path, sent)
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def taken_out(browser: Client, instance: Instance) -> Any:
    response = browser.get(f"{LIST}/{instance.pk}/configuration.json")
    assert response.headers["Content-Disposition"].startswith('attachment; filename="')
    return json.loads(response.content)


def test_no_secret_is_in_it(browser: Client, member: User) -> None:
    row = rows.instance(member, "Contacts <of> Acme")
    row.configuration["event.webhook.signature.header"] = "X-Signature"
    row.save()
    rows.poller(row)
    response = browser.get(f"{LIST}/{row.pk}/configuration.json")
    text = response.content.decode()
    assert rows.SECRET not in text
    assert "********" not in text
    assert 'filename="contacts-of-acme-' in response.headers["Content-Disposition"]
    body = json.loads(text)
    assert body["configuration"]["event.poller.configuration"] == DEFAULT
    assert body["configuration"]["event.notification.basic.username"] == "callback-user"


def test_what_was_taken_out_makes_the_same_instance(browser: Client, act_on: Sandbox) -> None:
    further = {"filter.response.nulls": False, "custom.key": ["x", {"y": 1}]}
    made = send(browser, act_on, further=json.dumps(further))
    page = upload(browser, f"{LIST}/new", json.dumps(taken_out(browser, made)).encode())
    assert "Nothing is stored yet" in page
    assert Instance.objects.count() == 1
    secrets = {name: FIELDS[name] for name in ("api_key", "api_secret", "signature_key")}
    other = send(browser, act_on, **(fields_of(page) | secrets))
    assert other.pk != made.pk
    for attribute in ("name", "tags", "configuration", "secret_values", "refresh_minutes", "events_enabled"):
        assert getattr(other, attribute) == getattr(made, attribute), attribute
    assert other.option("custom.key") == ["x", {"y": 1}]


def test_a_copy_goes_into_the_form_of_another_that_keeps_what_is_its_own(browser: Client, act_on: Sandbox) -> None:
    made = send(browser, act_on, refresh_minutes="33", callback_url="https://elsewhere.example/events")
    other = send(
        browser, act_on, name="Other", signature_key="its-own-key", callback_url="https://other.example/events"
    )
    page = browser.get(f"{LIST}/{other.pk}/edit", {"copy": made.pk}).content.decode()
    token = other.token
    assert browser.post(f"{LIST}/{other.pk}/edit", fields_of(page)).status_code == 302
    other = Instance.objects.get(pk=other.pk)
    assert (other.name, other.token, other.signature_key) == ("Other", token, "its-own-key")
    assert (other.refresh_minutes, other.callback_url) == (33, "https://elsewhere.example/events")


def test_a_new_one_may_start_from_another(browser: Client, act_on: Sandbox) -> None:
    made = send(browser, act_on, refresh_minutes="33")
    page = browser.get(f"{LIST}/new", {"copy": made.pk}).content.decode()
    assert "my-secret" not in page
    assert FIELDS["signature_key"] not in page
    fields = fields_of(page)
    assert (fields["refresh_minutes"], fields["api_secret"], fields["name"]) == ("33", "", made.name)


def test_a_strangers_configuration_cannot_be_copied(browser: Client, member: User, stranger: User) -> None:
    theirs, mine = rows.instance(stranger), rows.instance(member)
    for path in (f"{LIST}/new", f"{LIST}/{mine.pk}/edit"):
        for copied in (str(theirs.pk), "x", "9" * 40):
            assert browser.get(path, {"copy": copied}).status_code == 404
    assert theirs.name not in re.sub(r"Contacts of Acme", "", browser.get(f"{LIST}/new").content.decode(), count=1)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{not json", "Nothing was taken out of the file"),
        (b"[]", "not a JSON object"),
        (b"\xff\xfe", "not UTF-8"),
        (b"{}", "configuration: "),
        (b"[" * 100_000, "Nothing was taken out of the file"),
        (b'{"configuration": {"a": "\\u0000"}, "name": "x"}', "must not hold a NUL"),
        (b'{"configuration": {"event.poller.configuration": {"contacts": {"url": 5}}}, "name": "x"}', "contacts.url"),
        (b'{"configuration": {"event.poller.configuration": []}, "name": "x", "tags": {}}', "tags"),
        (b" " * 1_000_001, "larger than a megabyte"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(browser: Client, content: bytes, words: str) -> None:
    assert words in upload(browser, f"{LIST}/new", content)


def test_no_file_is_told(browser: Client, db: None) -> None:
    assert "choose a file first" in browser.post(f"{LIST}/new", {"document": "file"}).content.decode()


def test_what_another_instance_hides_is_not_taken_away(browser: Client, act_on: Sandbox) -> None:
    secret = {"event.notification.basic.username": "me", "event.notification.basic.password": "planted-password"}
    made = send(browser, act_on)
    other = send(browser, act_on, name="Other", further=json.dumps(secret))
    page = browser.get(f"{LIST}/{other.pk}/edit", {"copy": made.pk}).content.decode()
    assert "planted-password" not in page
    assert browser.post(f"{LIST}/{other.pk}/edit", fields_of(page)).status_code == 302
    assert Instance.objects.get(pk=other.pk).secret_values["event.notification.basic.password"] == "planted-password"


def test_the_way_to_act_on_keeps_the_further_keys(browser: Client, act_on: Sandbox) -> None:
    state = sent_to_acton(browser.post(f"{LIST}/new", FIELDS | {"further": '{"custom.key": 7}'}))
    page = browser.get("/oauth/callback", {"state": state, "error": "access_denied"}).content.decode()
    again = re.search(r'href="(/console/instances/new\?again=\d+)"', page)
    assert again
    assert json.loads(fields_of(browser.get(again[1]).content.decode())["further"]) == {"custom.key": 7}
