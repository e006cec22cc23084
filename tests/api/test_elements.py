"""The catalogue, and an instance's configuration row by row (CONTRACT §2, §3)."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from accounts.models import User
from elements import catalogue
from instances.configuration import Configuration
from instances.models import Instance
from polling.configuration import KEY as POLLERS
from polling.legacy import KEY as LEGACY
from tests import rows

pytestmark = pytest.mark.django_db


def get(api: Client, path: str) -> Any:
    response = api.get(path)
    assert response.status_code == 200, response.content
    return response.json()


def test_the_catalogue_has_one_element(api: Client) -> None:
    (element,) = get(api, "/elements")
    assert (element["key"], element["name"], element["hub"]) == ("acton", "Act-On", "marketing")
    assert element["authentication"] == {"type": "oauth2"}
    for row in element["configuration"]:
        assert {"id", "key", "name", "description", "defaultValue", "type", "required", "displayOrder"} <= set(row)
        assert "hideFromConsole" in row
    for path in ("/elements/acton", f"/elements/{element['id']}"):
        assert get(api, path) == element
    assert get(api, "/elements/acton/configuration") == {"configuration": element["configuration"]}
    assert [row["key"] for row in get(api, "/elements/keys")] == ["acton"]


def test_the_catalogue_knows_every_key_that_the_hub_reads() -> None:
    read = {str(field.alias) for field in Configuration.model_fields.values()}
    read |= {POLLERS, LEGACY, "event.objects", "filter.response.nulls"}
    assert {row.key for row in catalogue.CONFIGURATION} == read


def test_the_metadata_tells_of_events_and_resources(api: Client) -> None:
    shown = get(api, "/elements/acton/metadata")
    assert shown["events"]["methods"] == ["polling", "webhooks"]
    assert shown["events"]["polling"]["contacts"]["idField"] == "_contact_id_"
    assert "campaigns" in shown["resources"]


@pytest.mark.parametrize(
    "path", ["/elements/sfdc", "/elements/2", "/elements/sfdc/configuration", "/elements/0/metadata"]
)
def test_an_unknown_element_is_404(api: Client, path: str) -> None:
    assert api.get(path).status_code == 404


def test_the_catalogue_cannot_be_deleted(api: Client) -> None:
    assert api.delete("/elements/acton").status_code == 405


ASKED = {"apiKey": "k", "apiSecret": "s", "callbackUrl": "https://mycoolapp.com/auth"}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_oauth_url_needs_no_header(client: Client, method: str) -> None:
    path = "/elements/acton/oauth/url"
    text = json.dumps(ASKED | {"state": None})
    response = client.get(path, ASKED) if method == "GET" else client.post(path, text, content_type="application/json")
    url = urlsplit(response.json()["oauthUrl"])
    assert parse_qs(url.query) == {
        "response_type": ["code"], "client_id": ["k"], "redirect_uri": [ASKED["callbackUrl"]], "state": ["acton"],
    }  # fmt: skip
    assert response.json()["element"] == "acton"


def test_an_oauth_url_without_its_parameters_names_the_first(client: Client) -> None:
    response = client.get("/elements/acton/oauth/url", {"apiKey": "k", "apiSecret": " "})
    assert response.status_code == 400
    assert response.json()["message"] == "apiSecret: is required."


def test_an_instances_configuration_row_by_row(api: Client, user: User) -> None:
    instance = rows.instance(user, signature_key="planted-key")
    instance.configuration["mine"] = {"any": "thing"}
    instance.save()
    found = {row["key"]: row for row in get(api, f"/instances/{instance.pk}/configuration")}
    assert found["event.notification.signature.key"]["propertyValue"] == "********"
    assert found["event.notification.enabled"]["propertyValue"] == "true"
    assert found["mine"]["propertyValue"] == '{"any": "thing"}'
    by_token = Client(headers={"Authorization": f"User {user.secret}, Element {instance.token}"})
    assert {row["key"] for row in get(by_token, "/instances/configuration")} == set(found)
    row = found["event.notification.callback.url"]
    assert get(api, f"/instances/{instance.pk}/configuration/{row['id']}") == row
    path = f"/instances/{instance.pk}/configuration/{row['id']}"
    text = json.dumps({"propertyValue": "https://other.example/events"})
    changed = api.patch(path, text, content_type="application/json")
    assert changed.json()["propertyValue"] == "https://other.example/events"
    assert Instance.objects.get().callback_url == "https://other.example/events"
    refused = api.patch(path, json.dumps({"propertyValue": "ftp://x"}), content_type="application/json")
    assert refused.status_code == 400
    assert row["key"] in refused.json()["message"]
    assert api.get(f"/instances/{instance.pk}/configuration/99999").status_code == 404


def test_a_row_without_a_value_gets_one_and_a_masked_secret_stays(api: Client, user: User) -> None:
    instance = rows.instance(user, signature_key="k1")
    numbers = {row.key: number for number, row in enumerate(catalogue.CONFIGURATION, start=1)}

    def row(key: str, value: Any = ...) -> Any:
        path = f"/instances/{instance.pk}/configuration/{numbers[key]}"
        response = (
            api.get(path) if value is ... else api.patch(path, json.dumps({"propertyValue": value}), "application/json")
        )
        assert response.status_code == 200, response.content
        return response.json()["propertyValue"]

    interval = "event.poller.refresh_interval"
    assert row(interval) is None
    assert row(interval, "30") == row(interval) == "30"
    assert row(interval, None) is None
    assert row(interval, "20") == "20"  # it is there still
    for secret in ("oauth.api.secret", "oauth.api.key", "event.notification.signature.key"):
        assert row(secret, "********") == "********"
    kept = Instance.objects.select_related("connection").get()
    assert (kept.signature_key, kept.connection.api_secret) == ("k1", "secret")
