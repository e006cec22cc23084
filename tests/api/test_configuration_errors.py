"""One example of wrong input for each key of an instance and of a poller: 400 that names the key (CONTRACT §3, §4)."""

import json
from typing import Any

import pytest
from django.test import Client

from elements.models import Connection
from instances.models import Instance
from tests.act_on import Sandbox

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")
WRONG: list[tuple[str, Any]] = [
    ("oauth.api.key", 5),
    ("oauth.api.key", None),
    ("oauth.api.secret", ""),
    ("oauth.api.secret", "********"),
    ("oauth.callback.url", "not a url"),
    ("oauth.callback.url", None),
    ("base.url", "https://elsewhere.example"),
    ("acton.account", ["a"]),
    ("event.notification.enabled", "perhaps"),
    ("event.vendor.type", "carrier pigeon"),
    ("event.notification.callback.url", None),
    ("event.notification.callback.url", "http://169.254.169.254/latest"),
    ("event.notification.callback.url", "https://user:word@example.com/"),
    ("event.notification.signature.key", 7),
    ("event.notification.signature.key", "x" * 501),
    ("event.notification.signature.key", "********"),
    ("event.notification.basic.username", {}),
    ("event.notification.basic.password", 1),
    ("event.webhook.secret", 5),
    ("event.webhook.signature.header", "X-Signature"),
    ("event.webhook.signature.header", "no header\n"),
    ("event.poller.refresh_interval", "0"),
    ("event.poller.refresh_interval", 10_081),
    ("event.poller.refresh_interval", "often"),
    ("event.poller.configuration", {}),
    ("event.poller.configuration", "{not json"),
    ("event.poller.configuration", [1]),
    ("event.poller.urls", "contacts"),
    ("event.objects", "unheard-of"),
    ("event.objects", 5),
]
POLLER: dict[str, Any] = {"url": "/lists/{listId}/contacts", "idField": "id"}
WRONG_POLLER: list[tuple[str, Any]] = [
    ("url", None),
    ("url", "/nothing"),
    ("url", "/lists/{listId}/contacts?where=modafter='${eon}'"),
    ("url", "/lists/{listId}/contacts?where=a ~ 'b'"),
    ("idField", ""),
    ("idField", 5),
    ("datesConfiguration", "x"),
    ("datesConfiguration.updatedDateField", 5),
    ("datesConfiguration.updatedDateFormat", "no such pattern"),
    ("datesConfiguration.updatedDateTimezone", "Nowhere/Town"),
    ("datesConfiguration.createdDateField", ""),
    ("datesConfiguration.createdDateFormat", "'open"),
    ("datesConfiguration.createdDateTimezone", "+99"),
    ("filterByUpdatedDate", "yes"),
    ("filterByCurrentDate", 1),
    ("createdCheckTolerance", -1),
    ("pageSize", 0),
    ("pageSize", 1001),
    ("pollDelay", "5"),
    ("lists", ["l-0001"]),
    ("lists.include", "l-0001"),
    ("lists.exclude", [""]),
    ("detectDeletes", "true"),
    ("deleteSweepInterval", 59),
]


def body_of(act_on: Sandbox, key: str, value: Any) -> dict[str, Any]:
    """The documented body, with one key of its configuration as given."""
    configuration: dict[str, Any] = {key: value}
    return act_on.body(**configuration)


def refused(api: Client, body: Any, key: str) -> None:
    response = api.post("/instances", json.dumps(body), content_type="application/json")
    assert response.status_code == 400, response.content
    assert key in response.json()["message"]
    assert not Instance.objects.exists()
    assert not Connection.objects.exists()


@pytest.mark.parametrize(("key", "value"), WRONG)
def test_a_key_at_fault_is_named(api: Client, act_on: Sandbox, key: str, value: Any) -> None:
    refused(api, body_of(act_on, key, value), key)
    assert act_on.account("GET", "/counters")["token_calls"] == 0, "the code was not spent"


@pytest.mark.parametrize(("path", "value"), WRONG_POLLER)
def test_a_pollers_key_at_fault_is_named_by_its_path(api: Client, act_on: Sandbox, path: str, value: Any) -> None:
    entry = json.loads(json.dumps(POLLER))
    outer, _, inner = path.partition(".")
    entry[outer] = {inner: value} if inner else value
    if value is None:
        del entry[outer]
    refused(api, body_of(act_on, "event.poller.configuration", {"contacts": entry}), f"contacts.{path}")


def test_deletes_are_possible_for_contacts_only(api: Client, act_on: Sandbox) -> None:
    entry = {"url": "/campaigns", "idField": "id", "detectDeletes": True}
    refused(api, body_of(act_on, "event.poller.configuration", {"campaigns": entry}), "campaigns")


def test_anything_else_is_stored_and_given_back(api: Client, act_on: Sandbox) -> None:
    further: dict[str, Any] = {"my.key": {"deep": [1, None]}, "another": False}
    response = api.post("/instances", json.dumps(act_on.body(**further)), content_type="application/json")
    assert response.status_code == 200
    shown = api.get(f"/instances/{response.json()['id']}").json()["configuration"]
    assert {key: shown[key] for key in further} == further
