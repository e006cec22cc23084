"""A preview of the form: what a poll would find, or what keeps it back, and the pane stays open."""

import html
import json
import re

import pytest
from django.test import Client

from accounts.models import User
from events.models import Change
from instances.models import Instance
from tests.act_on import Sandbox
from tests.console import rows
from tests.console.flow import FIELDS, fields_of, send

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def test_a_preview_tells_each_record_and_stores_nothing(browser: Client, act_on: Sandbox) -> None:
    made = send(browser, act_on)
    act_on.account("POST", "/lists/l-0001/contacts", {"Email": "ada@example.com"})
    everything = FIELDS | {"api_secret": "", "p-0-url": "/lists/{listId}/contacts", "action": "preview"}
    text = html.unescape(browser.post(f"/console/instances/{made.pk}/edit", everything).content.decode())
    assert "1 of 7 records would be an event now." in text
    assert '<span class="status is-good">CREATED</span>' in text
    assert text.count("not later than the last poll date") == 6
    assert not Change.objects.exists()
    assert Instance.objects.get().pollers.get().configuration["url"] == FIELDS["p-0-url"]


def test_a_preview_that_fails_says_why(browser: Client, act_on: Sandbox) -> None:
    made = send(browser, act_on)
    path = f"/console/instances/{made.pk}/edit"
    act_on.account("POST", "/faults", {"kind": "error", "path": "/api/1/list"})
    assert "No preview: Act-On answered 500" in browser.post(path, FIELDS | {"action": "preview"}).content.decode()
    text = browser.post("/console/instances/new", FIELDS | {"action": "preview"}).content.decode()
    assert "once the instance is authenticated" in text


def open_panes(text: str) -> list[str]:
    return re.findall(r"<details open>\s*<summary aria-label=\"Configure ([^\"]*)", text)


def test_what_keeps_a_preview_back_is_told_beside_its_field(browser: Client, member: User) -> None:
    row = rows.instance(member)
    rows.poller(row)
    path = f"/console/instances/{row.pk}/edit"
    wrong = FIELDS | {
        "p-0-url": "/lists/{listId}/contacts?where=${nope}",
        "p-0-updated_format": "",
        "action": "preview",
    }
    wrong |= {"p-0-id_field": "", "api_secret": ""}
    text = html.unescape(browser.post(path, wrong).content.decode())
    errors = re.findall(r'<p class="field-error" role="alert">(.*?)</p>', text)
    assert errors == ["unknown template ${nope}.", "String should have at least 1 character."]
    assert "No preview: Correct what is marked first." in text
    assert open_panes(text) == ["contacts"]
    elsewhere = browser.post(path, FIELDS | {"callback_url": "", "action": "preview"}).content.decode()
    assert "No preview: event.notification.callback.url: is required" in elsewhere
    raw = json.dumps({"contacts": {"url": "/nothing", "idField": ""}})
    text = browser.post(path, FIELDS | {"mode": "json", "raw": raw, "action": "preview"}).content.decode()
    assert text.count('<p class="field-error" role="alert">event.poller.configuration.contacts.') == 2


def test_a_preview_keeps_the_pane_open_that_one_works_at(browser: Client, act_on: Sandbox) -> None:
    made = send(browser, act_on)
    path = f"/console/instances/{made.pk}/edit"
    fields = fields_of(browser.get(path).content.decode()) | {"action": "preview"}
    assert open_panes(browser.post(path, fields).content.decode()) == []
    changed = browser.post(path, fields | {"p-0-url": "/lists/l-0001/contacts"}).content.decode()
    assert open_panes(changed) == ["contacts"]
    assert "would be an event now" in changed
    told_by_a_script = browser.post(path, fields | {"p-0-opened": "on"}).content.decode()
    assert open_panes(told_by_a_script) == ["contacts"]
