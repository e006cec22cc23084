"""`/instances`, against the sandbox (CONTRACT §3)."""

import json
from typing import Any

import pytest
from django.test import Client

from accounts import bootstrap
from accounts.models import User
from elements.models import Connection
from instances.models import Instance
from tests.act_on import Sandbox
from tests.conftest import authorization

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")
FIELDS = {
    "id", "name", "createdDate", "token", "element", "elementId", "tags", "provisionInteractions", "valid", "disabled",
    "maxCacheSize", "cacheTimeToLive", "configuration", "eventsEnabled", "traceLoggingEnabled", "cachingEnabled",
    "externalAuthentication", "user", "state",
}  # fmt: skip


def post(api: Client, body: Any) -> Any:
    return api.post("/elements/api-v2/instances", json.dumps(body), content_type="application/json")


def created(api: Client, act_on: Sandbox, **body: Any) -> Any:
    response = post(api, act_on.body(**body))
    assert response.status_code == 200, response.content
    return response.json()


def change(api: Client, method: str, path: str, body: Any) -> Any:
    return api.generic(method, path, json.dumps(body), content_type="application/json")


def test_the_documented_body_makes_an_instance(api: Client, act_on: Sandbox) -> None:
    configuration: dict[str, Any] = {
        "event.poller.refresh_interval": "15",
        "event.notification.signature.key": "planted-key",
        "event.poller.configuration": {
            "contacts": {
                "url": "/hubs/marketing/lists/{listId}/contacts?where=modafter='${epoch}'",
                "idField": "_contact_id_",
                "datesConfiguration": {
                    "updatedDateField": "__modified_date",
                    "updatedDateFormat": "milliseconds",
                    "createdDateField": "__created_date",
                    "createdDateFormat": "milliseconds",
                },
            }
        },
    }
    body = act_on.body(**configuration)
    response = post(api, body)
    shown = response.json()
    assert response.status_code == 200
    assert set(shown) == FIELDS
    assert shown["element"]["key"] == "acton"
    assert shown["createdDate"].endswith("Z")
    assert shown["state"] == "polling"
    for secret in ("oauth.api.key", "oauth.api.secret", "event.notification.signature.key"):
        assert shown["configuration"][secret] == "********"
    assert shown["configuration"]["event.poller.configuration"] == body["configuration"]["event.poller.configuration"]
    assert "planted-key" not in response.content.decode()
    assert "providerData" not in shown
    assert api.get(f"/instances/{shown['id']}").json() == shown
    assert api.get("/elements/api-v2/instances").json() == [shown]


def test_a_list_id_left_unfilled_is_every_list_and_the_interval_is_a_text(api: Client, act_on: Sandbox) -> None:
    shown = created(api, act_on, **{"event.poller.refresh_interval": "7"})
    row = Instance.objects.get(pk=shown["id"])
    assert row.refresh_minutes == 7
    assert [poller.resource for poller in row.pollers.all()] == ["contacts"]
    assert row.connection.host == "sandbox"


@pytest.mark.parametrize(("tags", "stored"), [("Docs", ["Docs"]), (["a", "<b>b</b>"], ["a", "b"]), (None, ["A name"])])
def test_tags_either_way_stripped_of_html_or_the_name(
    api: Client, act_on: Sandbox, tags: Any, stored: list[str]
) -> None:
    body = act_on.body() | {"name": "<i>A name</i>", "tags": tags}
    assert post(api, body).json()["tags"] == stored


def test_a_refused_code_is_400_with_act_ons_words_and_stores_nothing(api: Client, act_on: Sandbox) -> None:
    response = post(api, act_on.body() | {"providerData": {"code": "wrong"}})
    assert response.status_code == 400
    assert response.json()["providerMessage"]
    assert not Instance.objects.exists()
    assert not Connection.objects.exists()


def test_a_code_works_once(api: Client, act_on: Sandbox) -> None:
    body = act_on.body()
    assert post(api, body).status_code == 200
    assert post(api, body).status_code == 400
    assert Instance.objects.count() == 1


@pytest.mark.parametrize("key", ["oauth.api.key", "oauth.api.secret", "oauth.callback.url"])
def test_what_the_exchange_needs_is_required(api: Client, act_on: Sandbox, key: str) -> None:
    body = act_on.body()
    del body["configuration"][key]
    response = post(api, body)
    assert response.status_code == 400
    assert key in response.json()["message"]
    assert not Instance.objects.exists()


@pytest.mark.parametrize(
    ("configuration", "path"),
    [
        ("{", "not valid JSON"),
        ([], "event.poller.configuration"),
        ({}, "select at least one"),
        ({"contacts": 5}, "event.poller.configuration.contacts"),
        ({"contacts": {"idField": "id"}}, "contacts.url"),
        ({"contacts": {"url": "/hubs/x/lists/{listId}/contacts"}}, "contacts.idField"),
        ({"contacts": {"url": "/hubs/x/lists/{listId}/contacts?where=a='${no}'", "idField": "id"}}, "template ${no}"),
        ({"contacts": {"url": "/hubs/x/nothing", "idField": "id"}}, "contacts.url"),
        ({"contacts": {"url": "/lists/{listId}/contacts", "idField": "id", "pollDelay": -1}}, "contacts.pollDelay"),
        (
            {
                "contacts": {
                    "url": "/lists/{listId}/contacts",
                    "idField": "i",
                    "datesConfiguration": {"updatedDateFormat": "bb"},
                }
            },
            "contacts.datesConfiguration.updatedDateFormat",
        ),
    ],
)
def test_a_poller_configuration_at_fault_is_named_by_its_key_path(
    api: Client, act_on: Sandbox, configuration: Any, path: str
) -> None:
    body = act_on.body(**{"event.poller.configuration": configuration})
    response = post(api, body)
    assert response.status_code == 400
    assert path in response.json()["message"]
    assert post(api, act_on.body() | {"providerData": body["providerData"]}).status_code == 200, "the code is not spent"


def test_the_poller_configuration_may_be_json_text(api: Client, act_on: Sandbox) -> None:
    entry = {"things": {"url": "/lists/l-0001/contacts?where=modafter='${epoch:s}'", "idField": "id"}}
    shown = created(api, act_on, **{"event.poller.configuration": json.dumps(entry)})
    assert Instance.objects.get(pk=shown["id"]).pollers.get().resource == "things"


def test_a_refresh_token_instead_of_a_code(api: Client, act_on: Sandbox) -> None:
    first = created(api, act_on)
    token = Instance.objects.get(pk=first["id"]).connection.refresh_token
    api.delete(f"/instances/{first['id']}")
    body = act_on.body(**{"oauth.user.refresh_token": token})
    del body["providerData"]
    assert post(api, body | {"externalAuthentication": "initial"}).status_code == 200


def test_another_organization_sees_nothing_of_it(api: Client, act_on: Sandbox) -> None:
    shown = created(api, act_on)
    _, stranger, _ = bootstrap.create_organization("Stranger", "stranger@example.com")
    other = Client(headers=authorization(stranger))
    assert other.get("/instances").json() == []
    for method in ("get", "delete", "put", "patch"):
        assert getattr(other, method)(f"/instances/{shown['id']}").status_code == 404
    for path in ("events", "polls"):
        assert other.get(f"/instances/{shown['id']}/{path}").status_code == 404
    header = {"Authorization": f"User {stranger.secret}, Element {shown['token']}"}
    assert Client(headers=header).get("/instances").status_code == 401


def test_by_element_token_the_instance_needs_no_id(api: Client, user: User, act_on: Sandbox) -> None:
    shown = created(api, act_on)
    by_token = Client(headers={"Authorization": f"User {user.secret}, Element {shown['token']}"})
    assert by_token.get("/instances").json() == shown
    assert by_token.get("/instances/events").json() == []
    assert by_token.delete("/instances/enabled").json()["disabled"] is True
    assert by_token.delete("/instances").status_code == 200
    assert not Instance.objects.exists()


def test_delete_removes_the_instance_and_its_authorization(api: Client, act_on: Sandbox) -> None:
    shown = created(api, act_on)
    response = api.generic("DELETE", f"/instances/{shown['id']}", "null", content_type="application/json")
    assert response.status_code == 200
    assert api.get(f"/instances/{shown['id']}").status_code == 404
    assert not Connection.objects.exists()


def test_disable_and_enable(api: Client, act_on: Sandbox) -> None:
    shown = created(api, act_on)
    path = f"/instances/{shown['id']}"
    assert api.delete(f"{path}/enabled").json()["disabled"] is True
    response = api.post(f"{path}/poll")
    assert (response.status_code, response.json()["message"]) == (409, "The instance is disabled.")
    assert api.put(f"{path}/enabled").json()["disabled"] is False
    assert api.post(f"{path}/poll").status_code == 200


def test_patch_merges_and_keeps_what_comes_back_masked(api: Client, act_on: Sandbox) -> None:
    shown = created(api, act_on, **{"event.notification.signature.key": "kept", "x.y": 1})
    path = f"/instances/{shown['id']}"
    response = change(api, "PATCH", path, {"name": "New", "configuration": {**shown["configuration"], "x.y": 2}})
    assert response.status_code == 200, response.content
    row = Instance.objects.get()
    assert (row.name, row.signature_key, row.configuration["x.y"]) == ("New", "kept", 2)
    assert row.connection.api_secret == "my-secret"
    change(api, "PUT", path, {"configuration": {**response.json()["configuration"], "x.y": None}})
    row.refresh_from_db()
    assert row.signature_key == "kept"
    assert "x.y" not in row.configuration


def test_only_switching_events_on_starts_at_now(api: Client, act_on: Sandbox) -> None:
    shown = created(api, act_on)
    path = f"/instances/{shown['id']}"
    poller = Instance.objects.get().pollers.get()
    change(api, "PATCH", path, {"configuration": {"event.poller.refresh_interval": 30}})
    assert Instance.objects.get().pollers.get().started_ms == poller.started_ms
    change(api, "PATCH", path, {"configuration": {"event.notification.enabled": False}})
    assert Instance.objects.get().pollers.get().started_ms == poller.started_ms
    change(api, "PATCH", path, {"configuration": {"event.notification.enabled": "true"}})
    assert Instance.objects.get().pollers.get().started_ms > poller.started_ms


def test_two_instances_of_one_act_on_user_share_their_connection(api: Client, act_on: Sandbox) -> None:
    for inbox in ("first", "second"):
        created(api, act_on, inbox=inbox)
    assert Connection.objects.count() == 1
    assert Instance.objects.count() == 2


def test_two_act_on_users_of_one_api_key_do_not(api: Client, act_on: Sandbox) -> None:
    for account in ("ada", "grace"):
        act_on.account("PUT", body={"lists": 1}, name=account)
        created(api, act_on, user=account)
    assert Connection.objects.count() == 2


def test_a_named_account_decides_by_its_name(api: Client, act_on: Sandbox) -> None:
    for name in ("ada", "ada", "grace"):
        created(api, act_on, **{"acton.account": name})
    assert Connection.objects.count() == 2


def test_a_fifth_exchange_within_an_hour_is_429_and_spends_no_code(api: Client, act_on: Sandbox) -> None:
    for _ in range(4):
        created(api, act_on)
    body = act_on.body()
    response = post(api, body)
    assert response.status_code == 429
    assert 3500 < int(response.headers["Retry-After"]) <= 3610
    assert act_on.account("GET", "/counters")["token_calls"] == 4


def test_authenticating_again_resumes_the_old_position(api: Client, act_on: Sandbox) -> None:
    shown = created(api, act_on)
    path = f"/instances/{shown['id']}"
    poller = Instance.objects.get().pollers.get()
    Connection.objects.update(problem="Act-On says no")
    assert api.get(path).json()["state"] == "needs authentication"
    assert api.get(path).json()["problem"] == "Act-On says no"
    assert api.post(f"{path}/poll").status_code == 409
    response = change(api, "PATCH", path, {"providerData": {"code": act_on.code()}})
    assert response.status_code == 200, response.content
    assert response.json()["state"] == "polling"
    assert Instance.objects.get().pollers.get().started_ms == poller.started_ms
    assert Connection.objects.count() == 1


def test_secrets_stand_nowhere_in_clear_in_the_database(api: Client, act_on: Sandbox) -> None:
    from django.db import connection

    shown = created(api, act_on, **{"event.notification.signature.key": "planted-signature", "my.password": "planted"})
    row = Instance.objects.get(pk=shown["id"])
    tokens = [shown["token"], row.connection.access_token, row.connection.refresh_token, "my-secret", "planted"]
    with connection.cursor() as cursor:
        for table in ("instances_instance", "elements_connection", "accounts_user", "accounts_organization"):
            cursor.execute(f"select * from {table}")  # noqa: S608  names of our own
            text = str(cursor.fetchall())
            for secret in [*tokens, row.user.secret, row.organization.secret]:
                assert secret not in text
