"""The form of an instance: the same rules as the API's, and nothing typed is lost between its spellings."""

import html
import json
import re
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import AuditEntry, User
from console import instance_form
from elements.acton.default_poller import DEFAULT
from instances.models import Instance
from polling.models import Poller
from tests.act_on import Sandbox
from tests.conftest import authorization
from tests.console import rows
from tests.console.flow import FIELDS, code_for, fields_of, send, sent_to_acton

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")
keys = st.sampled_from(["filterByUpdatedDate", "pollDelay", "lists", "pageSize", "unheard of"])
texts = st.text(max_size=20)
entries = st.fixed_dictionaries(
    {"url": texts, "idField": texts},
    optional={
        "datesConfiguration": st.dictionaries(
            st.sampled_from([*instance_form.PANE.values(), *instance_form.ZONES, "other"]),
            texts.filter(bool),
            min_size=1,
        ),
        "filterByUpdatedDate": st.booleans(),
        "lists": st.dictionaries(st.sampled_from(["include", "exclude"]), st.lists(texts)),
    },
)


@given(entries)
def test_an_entry_comes_back_from_its_pane_as_it_was(entry: dict[str, Any]) -> None:
    assert instance_form.entry_of(instance_form.pane_of("contacts", entry)) == entry


def shown(text: str) -> Any:
    """The JSON that stands beside the form."""
    found = re.search(r'<code id="the-json">(.*?)</code>', text, re.DOTALL)
    assert found
    return json.loads(html.unescape(found[1]))


def test_the_json_beside_a_blank_form_holds_no_null(browser: Client) -> None:
    body = shown(browser.get("/console/instances/new").content.decode())
    assert body["name"] == ""
    assert body["configuration"]["event.notification.enabled"] is False


def test_the_json_is_spelled_as_it_was_typed(browser: Client) -> None:
    typed = FIELDS | {"name": "näme", "further": '{"half": "\\ud800", "whole": "ü"}', "p-0-updated_field": "Geändert"}
    text = html.unescape(browser.post("/console/instances/new", typed | {"action": "json"}).content.decode())
    assert '"half": "\\ud800"' in text, "no page can hold it otherwise"
    typed["further"] = '{"whole": "ü"}'
    text = html.unescape(browser.post("/console/instances/new", typed | {"action": "json"}).content.decode())
    code = text[text.index('id="the-json"') : text.index("</code>", text.index('id="the-json"'))]
    for shown_as in ('"name": "näme"', '"whole": "ü"', '"updatedDateField": "Geändert"'):
        assert shown_as in code
    as_json = browser.post("/console/instances/new", typed | {"action": "switch"}).content.decode()
    assert "Geändert" in fields_of(as_json)["raw"]


def test_the_json_beside_the_form_makes_the_same_instance_by_the_api(
    browser: Client, api: Client, act_on: Sandbox
) -> None:
    text = browser.post("/console/instances/new", FIELDS | {"action": "json"}).content.decode()
    assert "my-secret" not in text
    body = shown(text)
    made = send(browser, act_on)
    body["providerData"] = {"code": code_for(act_on)}
    body["configuration"] |= {"oauth.api.key": "my-key", "oauth.api.secret": "my-secret"}
    body["configuration"]["event.notification.signature.key"] = FIELDS["signature_key"]
    response = api.post("/instances", json.dumps(body), content_type="application/json")
    assert response.status_code == 200, response.content
    other = Instance.objects.get(pk=response.json()["id"])
    for attribute in ("name", "tags", "configuration", "secret_values", "refresh_minutes", "events_enabled"):
        assert getattr(made, attribute) == getattr(other, attribute), attribute
    configurations = Poller.objects.values_list("resource", "configuration")
    assert list(configurations.filter(instance=made)) == list(configurations.filter(instance=other))


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "", "required"),
        ("api_key", "", "required"),
        ("api_secret", "", "required"),
        ("callback_url", "", "required when events are enabled"),
        ("callback_url", "ftp://example.com", "http or https"),
        ("callback_url", "http://user:word@example.com", "credentials"),
        ("refresh_minutes", "0", "greater than or equal to 1"),
        ("refresh_minutes", "ten", "whole number"),
        ("host", "https://elsewhere.example", "Select a valid choice"),
        ("p-0-url", "/nothing/to/poll", "cannot"),
        ("p-0-url", "/hubs/marketing/lists/{listId}/contacts?where=modafter='${eon}'", "${eon}"),
        ("p-0-id_field", "", "at least 1"),
        ("p-0-selected", "", "Select at least one"),
    ],
)
def test_an_error_stands_beside_its_field_and_nothing_is_stored(
    browser: Client, act_on: Sandbox, field: str, value: str, words: str
) -> None:
    response = browser.post("/console/instances/new", FIELDS | {field: value})
    assert response.status_code == 200
    text = html.unescape(response.content.decode())
    errors = re.findall(r'<p class="field-error" role="alert">(.*?)</p>', text)
    assert any(words in error for error in errors), errors
    assert "my-secret" not in text
    assert not Instance.objects.exists()


def test_everything_that_is_missing_is_told_at_once(browser: Client) -> None:
    empty = FIELDS | dict.fromkeys(("name", "api_key", "api_secret", "callback_url", "p-0-id_field"), "")
    wrong = {
        "refresh_minutes": "0",
        "p-TOTAL_FORMS": "2",
        "p-1-selected": "on",
        "p-1-resource": "more",
        "p-1-url": "/no",
    }
    text = browser.post("/console/instances/new", empty | wrong).content.decode()
    assert text.count('<p class="field-error" role="alert">') == 8
    without_secret = FIELDS | {"p-0-selected": "", "api_secret": ""}
    text = browser.post("/console/instances/new", without_secret).content.decode()
    assert text.count('<p class="field-error" role="alert">') == 2


def test_a_secret_that_was_typed_and_is_gone_is_asked_for_again(browser: Client, member: User) -> None:
    key = instance_form.KEYS["api_secret"]
    text = browser.post("/console/instances/new", FIELDS | {"name": ""}).content.decode()
    assert "Enter it again: it is never sent back to the browser." in text
    assert key not in shown(text)["configuration"]
    path = f"/console/instances/{rows.instance(member).pk}/edit"
    text = browser.post(path, FIELDS | {"name": ""}).content.decode()
    assert "Enter it again, or leave it empty: then the stored one stays." in text
    assert shown(text)["configuration"][key] == "********"
    assert "Enter it again" not in browser.post(path, FIELDS | {"name": "", "api_secret": ""}).content.decode()
    switch = FIELDS | {"action": "switch"}
    assert "Enter it again" in browser.post(path, switch).content.decode()
    by_script = browser.post(path, switch, headers={"HX-Request": "true"}).content.decode()
    assert "Enter it again" not in by_script, "the field is not among what is changed"


@pytest.mark.parametrize("minutes", ["9" * 5000, "\N{SUPERSCRIPT TWO}", "-1", "1e3"])
def test_an_interval_that_is_no_number_is_told(browser: Client, minutes: str) -> None:
    answer = browser.post("/console/instances/new", {"refresh_minutes": minutes})
    assert answer.status_code == 200
    assert "refresh_minutes" in answer.context["sheet"].form.errors


def test_what_was_typed_survives_the_way_through_json_and_back(browser: Client) -> None:
    typed = {"p-0-url": "/hubs/marketing/lists/l-0001/contacts", "p-0-others": '{"pageSize": 7}', "action": "switch"}
    as_json = browser.post("/console/instances/new", FIELDS | typed).content.decode()
    area = re.search(r'<textarea name="raw"[^>]*>(.*?)</textarea>', as_json, re.DOTALL)
    assert area
    raw = json.loads(html.unescape(area[1]))
    assert raw["contacts"]["pageSize"] == 7
    raw["contacts"]["pollDelay"] = 5
    raw["more"] = DEFAULT["contacts"]
    back = browser.post("/console/instances/new", FIELDS | {"mode": "json", "raw": json.dumps(raw), "action": "switch"})
    assert shown(back.content.decode())["configuration"]["event.poller.configuration"] == raw


def test_json_that_cannot_be_read_stays_where_it_is(browser: Client) -> None:
    typed = FIELDS | {"mode": "json", "raw": "{not json", "action": "switch"}
    text = browser.post("/console/instances/new", typed).content.decode()
    assert "{not json" in text
    assert "This is not JSON" in text


def test_another_resource_starts_as_a_copy(browser: Client) -> None:
    text = browser.post("/console/instances/new", FIELDS | {"action": "add"}).content.decode()
    pollers = shown(text)["configuration"]["event.poller.configuration"]
    assert pollers["contacts-2"] == pollers["contacts"]


def test_an_edit_keeps_what_was_not_touched_and_removes_what_was_emptied(browser: Client, act_on: Sandbox) -> None:
    made = send(browser, act_on)
    page = browser.get(f"/console/instances/{made.pk}/edit").content.decode()
    assert "my-secret" not in page
    assert FIELDS["signature_key"] not in page
    token, position = made.token, made.pollers.get().started_ms
    changed = FIELDS | {"name": "Changed", "api_secret": "", "signature_key": "********", "refresh_minutes": "30"}
    assert browser.post(f"/console/instances/{made.pk}/edit", changed).status_code == 302
    made = Instance.objects.get(pk=made.pk)
    assert (made.name, made.refresh_minutes, made.token) == ("Changed", 30, token)
    assert made.signature_key == FIELDS["signature_key"]
    assert made.connection.api_secret == "my-secret"
    assert made.pollers.get().started_ms == position
    browser.post(f"/console/instances/{made.pk}/edit", changed | {"signature_key": ""})
    assert Instance.objects.get(pk=made.pk).signature_key == ""


def test_the_json_beside_the_form_changes_the_same_by_the_api(browser: Client, member: User, act_on: Sandbox) -> None:
    further = {"custom.key": 7, "event.notification.basic.username": "me", "event.notification.basic.password": "word"}
    first = send(browser, act_on, further=json.dumps(further))
    second = send(browser, act_on, further=json.dumps(further))
    changed = {"name": "Changed", "tags": "", "api_secret": "", "signature_key": "", "refresh_minutes": "44"}
    for kept in ({"custom.key": 7}, {}):
        fields = FIELDS | changed | {"further": json.dumps(kept), "p-0-advanced": ""}
        beside = browser.post(f"/console/instances/{first.pk}/edit", fields | {"action": "json"}).content.decode()
        assert browser.post(f"/console/instances/{first.pk}/edit", fields).status_code == 302
        api = Client(headers=authorization(member))
        response = api.patch(f"/instances/{second.pk}", json.dumps(shown(beside)), content_type="application/json")
        assert response.status_code == 200, response.content
        one, other = Instance.objects.get(pk=first.pk), Instance.objects.get(pk=second.pk)
        for attribute in ("name", "tags", "configuration", "secret_values", "refresh_minutes", "events_enabled"):
            assert getattr(one, attribute) == getattr(other, attribute), attribute
        assert one.pollers.get().configuration == other.pollers.get().configuration
        assert one.signature_key == ""


def test_other_credentials_ask_act_on_anew(browser: Client, act_on: Sandbox) -> None:
    made = send(browser, act_on)
    changed = FIELDS | {"api_key": "other-key", "api_secret": "other-secret", "name": "Other"}
    state = sent_to_acton(browser.post(f"/console/instances/{made.pk}/edit", changed))
    assert Instance.objects.get().name == FIELDS["name"], "nothing is changed before Act-On agreed"
    browser.get("/oauth/callback", {"state": state, "code": code_for(act_on, key="other-key")})
    changed_row = Instance.objects.get()
    assert (changed_row.pk, changed_row.name, changed_row.connection.api_key) == (made.pk, "Other", "other-key")


def test_what_is_typed_beside_the_point_survives_json_too(browser: Client) -> None:
    """Dates while Advanced Filtering is off, and a resource that is not ticked, are in no JSON."""
    typed = FIELDS | {
        "p-TOTAL_FORMS": "2",
        "p-0-advanced": "",
        "p-0-updated_field": "Changed on",
        "p-0-zone": "Europe/Berlin",
    }
    typed |= {"p-1-resource": "optouts", "p-1-url": "/optouts", "p-1-id_field": "Email"}
    as_json = browser.post("/console/instances/new", typed | {"action": "switch"}).content.decode()
    sent = fields_of(as_json)
    raw = json.loads(sent["raw"])
    assert list(raw) == ["contacts"]
    assert "datesConfiguration" not in raw["contacts"]
    raw["contacts"]["pollDelay"] = 5
    for text in (sent["raw"], json.dumps(raw)):
        back = fields_of(
            browser.post("/console/instances/new", sent | {"raw": text, "action": "switch"}).content.decode()
        )
        assert (back["p-0-updated_field"], back["p-0-zone"]) == ("Changed on", "Europe/Berlin")
        assert "p-0-advanced" not in back
        assert (back["p-1-resource"], back["p-1-url"]) == ("optouts", "/optouts")
        assert "p-1-selected" not in back


@pytest.mark.parametrize(
    "raw",
    ['{"contacts": {}, "contacts": {}}', '{"contacts": {"url": "/a", "url": "/b"}}', '{"contacts": 5}', "[]", "{"],
)
def test_json_that_a_pane_would_lose_something_of_is_not_taken(browser: Client, raw: str) -> None:
    typed = FIELDS | {"mode": "json", "raw": raw, "action": "switch"}
    text = browser.post("/console/instances/new", typed).content.decode()
    assert "This is not JSON that the form can show" in text
    assert fields_of(text)["raw"] == raw


def test_two_resources_of_one_name_are_told_apart(browser: Client, act_on: Sandbox) -> None:
    second = {name.replace("p-0", "p-1"): value for name, value in FIELDS.items() if name.startswith("p-0")}
    response = browser.post("/console/instances/new", FIELDS | second | {"p-TOTAL_FORMS": "2"})
    assert response.status_code == 200
    assert "Another resource has this name" in response.content.decode()


def test_name_and_tags_are_taken_as_the_api_takes_them(browser: Client, act_on: Sandbox) -> None:
    made = send(browser, act_on, name="<b>Acme</b>  ", tags="<i>Docs</i>, More")
    assert (made.name, made.tags) == ("Acme", ["Docs", "More"])
    response = browser.post("/console/instances/new", FIELDS | {"name": "<br>"})
    assert "at least 1" in response.content.decode()


def test_tags_that_hold_a_comma_stay_as_they_are(browser: Client, act_on: Sandbox) -> None:
    made = send(browser, act_on)
    made.tags = ["one, two", "three"]
    made.save()
    path = f"/console/instances/{made.pk}/edit"
    browser.post(path, fields_of(browser.get(path).content.decode()) | {"refresh_minutes": "31"})
    made = Instance.objects.get(pk=made.pk)
    assert (made.tags, made.refresh_minutes) == (["one, two", "three"], 31)


def test_saving_what_the_form_shows_changes_nothing(browser: Client, act_on: Sandbox) -> None:
    further = {"event.notification.basic.username": "me", "event.notification.basic.password": "word", "x": [1, None]}
    made = send(browser, act_on, further=json.dumps(further))
    path = f"/console/instances/{made.pk}/edit"
    fields = fields_of(browser.get(path).content.decode())
    assert json.loads(fields["further"])["event.notification.basic.password"] == "********"
    assert browser.post(path, fields).status_code == 302
    again = Instance.objects.get(pk=made.pk)
    for attribute in ("name", "tags", "configuration", "secret_values", "refresh_minutes", "token"):
        assert getattr(again, attribute) == getattr(made, attribute), attribute
    browser.post(path, fields | {"further": ""})
    assert "x" not in Instance.objects.get(pk=made.pk).configuration
    assert not Instance.objects.get(pk=made.pk).basic_credentials


@pytest.mark.parametrize(
    ("further", "words"),
    [("{", "not a JSON object"), ("[1]", "not a JSON object"), ('{"base.url": "x"}', "of their own")],
)
def test_further_keys_are_looked_at(browser: Client, further: str, words: str) -> None:
    response = browser.post("/console/instances/new", FIELDS | {"further": further})
    assert response.status_code == 200
    assert words in response.content.decode()


def test_a_stored_host_that_is_not_offered_any_more_stays(browser: Client, act_on: Sandbox) -> None:
    made = send(browser, act_on)
    made.connection.host = "https://restapi.actonsoftware.com"
    made.connection.save()
    path = f"/console/instances/{made.pk}/edit"
    fields = fields_of(browser.get(path).content.decode())
    assert fields["host"] == "https://restapi.actonsoftware.com"
    assert browser.post(path, fields).headers["Location"] == f"/console/instances/{made.pk}"


def test_looking_is_not_noted_and_changing_is(browser: Client, act_on: Sandbox) -> None:
    made = send(browser, act_on)
    path = f"/console/instances/{made.pk}/edit"
    before = AuditEntry.objects.count()
    for action in ("json", "switch", "add", "preview"):
        browser.post(path, FIELDS | {"action": action})
    assert AuditEntry.objects.count() == before
    browser.post(path, FIELDS | {"api_secret": ""})
    assert AuditEntry.objects.count() == before + 1
    made_by = AuditEntry.objects.exclude(action__startswith="log ").values_list("action", "target")
    assert set(made_by) == {
        ("console: Create an instance", f"/console/instances/{made.pk}"),
        ("console: Change an instance", path),
    }


def test_an_instance_that_never_came_to_be_is_not_noted(browser: Client, act_on: Sandbox) -> None:
    assert browser.post("/console/instances/new", FIELDS).status_code == 302
    assert not AuditEntry.objects.exclude(action__startswith="log ").exists()


def test_deleting_needs_the_name(browser: Client, act_on: Sandbox) -> None:
    made = send(browser, act_on)
    browser.post(f"/console/instances/{made.pk}/delete", {"name": "something else"})
    assert Instance.objects.exists()
    browser.post(f"/console/instances/{made.pk}/delete", {"name": made.name})
    assert not Instance.objects.exists()
