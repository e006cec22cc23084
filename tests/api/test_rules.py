"""What holds for every call (CONTRACT §1)."""

import json
import logging
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, resolve

from accounts.models import User
from acton_hub.middleware import EXPOSED
from api import instances
from api.urls import urlpatterns
from events.models import Event
from tests import rows
from tests.conftest import authorization

pytestmark = pytest.mark.django_db(databases="__all__")
BASES = ["", "/elements/api-v2"]
AT_FAULT = [("pageSize", "0"), ("pageSize", "2001"), ("page", "x")]
READ_AS_JSON = ["application/json; charset=utf-8", "text/plain", "application/x-www-form-urlencoded", ""]


def path_of(pattern: URLPattern) -> str:
    """A path that the pattern matches."""
    path = str(pattern.pattern)
    while "<" in path:
        before, _, rest = path.partition("<")
        captured, _, behind = rest.partition(">")
        path = before + ("1" if captured.startswith("int:") else "acton") + behind
    return f"/{path}"


PATHS = sorted({path_of(pattern) for pattern in urlpatterns})


@pytest.mark.parametrize("path", PATHS)
def test_every_route_is_served_under_both_bases_by_the_same_view(path: str) -> None:
    first, second = (resolve(f"{base}{path}") for base in BASES)
    assert first.func is second.func
    assert getattr(first.func, "operations", None), "every route is described"


@pytest.mark.parametrize("path", PATHS)
def test_no_answer_is_a_page_or_a_redirect(client: Client, path: str) -> None:
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"):
        response = client.generic(method, path, "null", content_type="application/json")
        assert response.status_code not in range(300, 400)
        assert not response.headers["Content-Type"].startswith("text/html")
        assert "X-Frame-Options" not in response.headers
        assert response.headers["Elements-Request-Id"]
        if response.status_code >= 400:
            assert response.json()["requestId"] == response.headers["Elements-Request-Id"]
            assert response.json()["message"]


@pytest.mark.parametrize(
    "header",
    [
        "User {user}, Organization {organization}",
        "organization {organization},user {user}",
        "USER {user} ,  ORGANIZATION {organization}",
        "  Element {token}, User {user}",
        "User {user}, Organization {organization}, Element {token}",
    ],
)
def test_the_header_is_read_in_any_order_and_case(client: Client, user: User, header: str) -> None:
    row = rows.instance(user)
    given = header.format(user=user.secret, organization=user.organization.secret, token=row.token)
    assert client.get(f"/instances/{row.pk}", headers={"authorization": given}).status_code == 200


def test_a_delete_may_carry_null_and_a_put_nothing(api: Client, user: User) -> None:
    row = rows.instance(user)
    for method, path in (("PUT", f"/instances/{row.pk}/enabled"), ("DELETE", f"/instances/{row.pk}/enabled")):
        for body in ("", "null"):
            assert api.generic(method, path, body, content_type="application/json").status_code == 200
    assert api.generic("PATCH", f"/instances/{row.pk}", "").status_code == 200
    assert api.generic("DELETE", f"/instances/{row.pk}", "null", content_type="application/json").status_code == 200


def test_names_with_and_without_brackets_and_empty_parameters(api: Client, user: User) -> None:
    rows.instance(user)
    for query in ("tags[]=Docs", "tags=Docs", "tags%5B%5D=Docs&tags=Docs", "tags[]=&nextPage=&page=&pageSize="):
        assert len(api.get(f"/instances?{query}").json()) == 1, query
    assert api.get("/instances?tags[]=Other").json() == []


@pytest.mark.parametrize(
    ("query", "key"), [("pageSize=0", "pageSize"), ("pageSize=2001", "pageSize"), ("page=x", "page")]
)
def test_a_parameter_at_fault_is_named(api: Client, query: str, key: str) -> None:
    response = api.get(f"/instances?{query}")
    assert response.status_code == 400
    assert response.json()["message"].startswith(f"{key}: ")


@pytest.mark.parametrize("number", ["9223372036854775808", "99999999999999999999999999", "9" * 5000])
def test_an_id_too_large_for_the_database_is_404(api: Client, number: str) -> None:
    for path in ("/instances/{}", "/instances/{}/events", "/notifications/{}", "/instances/1/events/{}"):
        assert api.get(path.format(number)).status_code == 404


def test_a_token_of_a_page_is_tied_to_its_list(api: Client, user: User) -> None:
    row = rows.instance(user)
    rows.record(row, rows.changes(25))
    first = api.get(f"/instances/{row.pk}/events?pageSize=2")
    token = first.headers["Elements-Next-Page-Token"]
    assert first.headers["Elements-Returned-Count"] == "2"
    second = api.get(f"/instances/{row.pk}/events?pageSize=2&nextPage={token}")
    assert [event["id"] for event in second.json()] == [str(Event.objects.earliest("pk").pk)]
    assert "Elements-Next-Page-Token" not in second.headers
    for path in (f"/instances/{row.pk}/events?from=0&nextPage={token}", f"/instances?nextPage={token}"):
        assert api.get(path).status_code == 400
    assert api.get(f"/instances/{row.pk}/events?pageSize=2&page=2").json() == second.json()


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "image/*"])
def test_what_cannot_be_answered_is_406(api: Client, accept: str) -> None:
    assert api.get("/instances", headers={"Accept": accept}).status_code == 406


@pytest.mark.parametrize("accept", ["*/*", "application/json;charset=UTF-8", "application/*", "text/html, */*;q=0.1"])
def test_what_clients_accept_is_json(api: Client, accept: str) -> None:
    assert api.get("/instances", headers={"Accept": accept}).status_code == 200


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "text/plain", "application/x-www-form-urlencoded", ""]
)
def test_json_is_read_by_whatever_name_clients_send_it(api: Client, kind: str) -> None:
    response = api.post("/notifications", json.dumps({"topic": "a", "message": 1}), content_type=kind)
    assert response.status_code == 200, response.content


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "application/xml", "image/png"])
def test_a_body_of_another_kind_is_415(api: Client, kind: str) -> None:
    assert api.post("/notifications", "<xml/>", content_type=kind).status_code == 415


@pytest.mark.parametrize("path", ["/instances", "/nothing", "/elements/api-v2/instances/5"])
def test_browsers_of_any_origin_may_ask(api: Client, path: str) -> None:
    asked = {"Origin": "https://app.example", "Access-Control-Request-Headers": "authorization,content-type"}
    preflight = api.options(path, headers=asked | {"Access-Control-Request-Method": "PATCH"})
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert preflight.headers["Access-Control-Allow-Headers"] == "authorization,content-type"
    if path != "/nothing":
        assert preflight.status_code == 200
        assert "PATCH" in preflight.headers["Access-Control-Allow-Methods"]
    assert api.get(path, headers={"Origin": "https://app.example"}).headers["Access-Control-Expose-Headers"] == EXPOSED


def test_head_is_answered_as_get(api: Client) -> None:
    assert api.head("/instances").status_code == 200


def test_a_defect_is_a_500_in_the_envelope_that_the_log_explains(
    user: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(*args: Any) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr(instances, "newest_first", breaks)
    client = Client(headers=authorization(user), raise_request_exception=False)
    with caplog.at_level(logging.ERROR):
        response = client.get("/instances")
    assert response.status_code == 500
    assert "planted" not in response.content.decode()
    assert response.json()["requestId"] in caplog.text
    assert "RuntimeError: planted" in caplog.text


def test_names_and_tags_lose_their_html(api: Client, user: User) -> None:
    row = rows.instance(user)
    body = {"name": "<b>Bold</b> <script>x</script>name", "tags": "<i>One</i>"}
    shown = api.patch(f"/instances/{row.pk}", json.dumps(body), content_type="application/json").json()
    assert (shown["name"], shown["tags"]) == ("Bold xname", ["One"])


@pytest.mark.parametrize("text", ["a\\u0000b", "\\ud800", "x\\udc00y"])
@pytest.mark.parametrize(
    ("body", "key"),
    [
        ('{"configuration": {"any.key": "%s"}}', "configuration.any.key"),
        ('{"configuration": {"%s": 1}}', "configuration"),
        ('{"configuration": {"deep": [{"er": ["%s"]}]}}', "configuration.deep.er"),
        ('{"tags": ["%s"]}', "tags"),
        ('{"name": "%s"}', "name"),
    ],
)
def test_what_no_database_stores_is_400_and_names_its_place(
    api: Client, user: User, text: str, body: str, key: str
) -> None:
    path = f"/instances/{rows.instance(user).pk}"
    response = api.patch(path, body.replace("%s", text), content_type="application/json")
    assert response.status_code == 400
    assert key in response.json()["message"]
