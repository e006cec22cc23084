from typing import Any

import pytest
from django.test import Client

from sandbox.models import Account, Contact, ContactList
from tests.sandbox.conftest import REDIRECT, Application

pytestmark = pytest.mark.django_db(databases=["default", "sandbox"])
CONTACTS = "/accounts/ann/lists/l-0001/contacts"


def test_account_is_made_with_lists_and_contacts(control: Any) -> None:
    made = control("POST", "/accounts", {"name": "cy", "lists": 3, "contacts": 7, "ordering": "name"}).json()
    assert [(row["id"], row["contacts"]) for row in made["lists"]] == [("l-0001", 7), ("l-0002", 7), ("l-0003", 7)]
    assert made["ordering"] == "name"
    assert control("POST", "/accounts", {"name": "cy"}).status_code == 409
    assert [row["name"] for row in control("GET", "/accounts").json()["accounts"]] == ["cy"]


def test_put_makes_an_account_anew(account: Account, control: Any) -> None:
    again = control("PUT", "/accounts/ann", {"lists": 1, "contacts": 1, "calls_per_second": 9}).json()
    assert again["counters"]["limits"]["calls_per_second"] == 9
    assert Contact.objects.count() == 1


def test_settings_change_only_what_is_given(account: Account, control: Any) -> None:
    changed = control("PATCH", "/accounts/ann", {"clock_offset_ms": -5}).json()
    assert (changed["clock_offset_ms"], changed["calls_per_second"]) == (-5, 1000)


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/accounts", {"name": "a/b"}, "name"),
        ("POST", "/accounts", {"name": "a", "lists": "many"}, "lists"),
        ("POST", "/accounts", [], "body"),
        ("PUT", "/accounts/-a", {}, "name"),
        ("PATCH", "/accounts/ann", {"ordering": "random"}, "ordering"),
        ("PATCH", "/accounts/ann", {"colour": "red"}, "colour"),
        ("POST", "/accounts/ann/faults", {"kind": "fire"}, "kind"),
        ("POST", "/accounts/ann/faults", {"kind": "error", "times": 0}, "times"),
        ("POST", "/accounts/ann/expire", {"access": "perhaps"}, "access"),
        ("POST", CONTACTS, {"Shoe size": "42"}, "Shoe size"),
        ("POST", CONTACTS, "text", "body"),
        ("PATCH", CONTACTS, {}, "changes"),
        ("DELETE", CONTACTS, {}, "ids"),
        ("GET", f"{CONTACTS}?count=x", None, "count"),
        ("POST", "/codes", {"client_id": "k", "redirect_uri": "nowhere"}, "redirect_uri"),
        ("PUT", "/inboxes/first", {"fault": {"status": 99}}, "fault.status"),
    ],
)
def test_input_at_fault_is_400_that_names_the_field(
    account: Account, control: Any, method: str, path: str, body: Any, field: str
) -> None:
    response = control(method, path, body)
    assert response.status_code == 400
    assert response.json()["field"] == field


def test_invalid_json_is_400(account: Account, client: Client) -> None:
    for body in (b"{", b"\xff"):
        answer = client.post(f"/sandbox/control{CONTACTS}", body, content_type="application/json")
        assert answer.status_code == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/accounts/nobody"), ("GET", "/accounts/ann/lists/l-0009/contacts"), ("PATCH", f"{CONTACTS}/99"),
        ("DELETE", f"{CONTACTS}/99"), ("GET", "/nothing"), ("GET", "/inboxes/none"),
    ],
)  # fmt: skip
def test_missing_things_are_404_as_json(account: Account, control: Any, method: str, path: str) -> None:
    response = control(method, path, {})
    assert response.status_code == 404
    assert response.json()["error"]


def test_wrong_method_is_405_and_tells_the_right_ones(account: Account, control: Any) -> None:
    response = control("DELETE", "/accounts")
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, POST")


def test_curl_adds_and_changes_a_contact_with_its_own_content_type(account: Account, client: Client) -> None:
    path = f"/sandbox/control{CONTACTS}"
    form = "application/x-www-form-urlencoded"
    added = client.post(path, '{"Email":"a@b.com"}', content_type=form).json()
    assert added == {"ids": ["l-0001:4"], "id": "l-0001:4"}
    changed = client.patch(f"{path}/4", '{"Company":"Acme"}', content_type=form)
    assert changed.json() == {"id": "l-0001:4", "changed": 1}
    assert Contact.objects.get(record=4).cells == ["a@b.com", "", "", "Acme"]
    assert client.delete(f"{path}/4").status_code == 200


def test_contacts_in_bulk(account: Account, control: Any) -> None:
    assert len(control("POST", f"{CONTACTS}?count=2000").json()["ids"]) == 2_000
    assert control("POST", CONTACTS, [{"Email": "x@example.com"}, {}]).json()["ids"] == ["l-0001:2004", "l-0001:2005"]
    assert control("PATCH", CONTACTS, {"first": 1_500}).json() == {"changed": 1_500}
    changes = {"l-0001:1": {"Company": "A"}, "2": {"Company": "B"}}
    assert control("PATCH", CONTACTS, {"changes": changes}).json() == {"changed": 2}
    assert control("DELETE", CONTACTS, {"ids": ["l-0001:3", 4, 9999]}).json() == {"deleted": 2}
    listed = control("GET", CONTACTS).json()["contacts"]
    assert [row["id"] for row in listed[:3]] == ["l-0001:1", "l-0001:2", "l-0001:5"]
    assert [row["values"]["Company"] for row in listed[:2]] == ["A", "B"]
    assert len(listed) == 2_003
    assert len(control("GET", f"{CONTACTS}?offset=1&count=2").json()["contacts"]) == 2
    assert control("DELETE", CONTACTS, {"first": 2_000}).json() == {"deleted": 2_000}


def test_dates_of_records_and_list_can_be_set(account: Account, control: Any) -> None:
    before = ContactList.objects.get().modified_ms
    late = {"Email": "late@example.com", "__modified_date": 5_000, "__created_date": "4000"}
    control("POST", f"{CONTACTS}?list_modified=keep", late)
    [row] = control("GET", f"{CONTACTS}?offset=3").json()["contacts"]
    assert (row["created_ms"], row["modified_ms"]) == (4_000, 5_000)
    assert ContactList.objects.get().modified_ms == before
    control("PATCH", f"{CONTACTS}/4?list_modified=9000", {"Company": "Z"})
    assert ContactList.objects.get().modified_ms == 9_000


def test_lists_are_made_and_deleted(account: Account, control: Any) -> None:
    made = control("POST", "/accounts/ann/lists", {"name": "More", "contacts": 2, "headers": ["E-mail", "Age"]}).json()
    assert (made["id"], made["contacts"], made["headers"]) == ("l-0002", 2, ["E-mail", "Age"])
    assert control("DELETE", "/accounts/ann/lists/l-0002").status_code == 200
    assert len(control("GET", "/accounts/ann/lists").json()["lists"]) == 1


def test_tokens_expire_on_demand(logged_in: Application, control: Any) -> None:
    assert control("POST", "/accounts/ann/expire", {}).json() == {"expired": 1}
    assert logged_in.get("/api/1/list").status_code == 401
    assert logged_in.refresh().status_code == 200
    control("POST", "/accounts/ann/expire", {"access": False, "refresh": True})
    assert logged_in.get("/api/1/list").status_code == 200
    assert logged_in.refresh().status_code == 403


def test_code_is_made_without_the_page(app: Application, control: Any) -> None:
    code = control("POST", "/codes", {"client_id": "key", "redirect_uri": REDIRECT}).json()["code"]
    assert app.exchange(code).status_code == 200
    assert Account.objects.get().name == "sandbox"


def test_account_is_deleted_with_all_it_has(logged_in: Application, control: Any) -> None:
    logged_in.get("/api/1/list")
    control("POST", "/accounts/ann/faults", {"kind": "error"})
    assert control("DELETE", "/accounts/ann").status_code == 200
    assert not Contact.objects.exists()
    assert logged_in.get("/api/1/list").status_code == 401


def test_control_calls_need_no_csrf_token(account: Account) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/sandbox/control/accounts/ann/reset").status_code == 200
