import re

import pytest
from django.test import Client

from sandbox.models import Account, Call, ContactList, Fault
from tests.sandbox.conftest import Application

pytestmark = pytest.mark.django_db(databases=["default", "sandbox"])
ANN = "/sandbox/accounts/ann"
LIST = f"{ANN}/lists/l-0001"
AUTHORIZE = "/sandbox/authorize?response_type=code&client_id=k&redirect_uri=http://a.example/"


def test_first_visit_tells_a_stranger_how_to_begin(client: Client) -> None:
    text = client.get("/sandbox/").content.decode()
    assert "There is no account yet" in text
    assert "http://testserver/sandbox/authorize?" in text


def test_account_is_made_by_its_name(client: Client) -> None:
    assert client.post("/sandbox/", {"name": "bea@example.com"}).headers["Location"].endswith("bea@example.com")
    assert b"bea@example.com" in client.get("/sandbox/").content
    refused = client.post("/sandbox/", {"name": "../x"})
    assert refused.status_code == 400
    assert b"Use letters" in refused.content


@pytest.mark.parametrize("path", ["/sandbox/", "/sandbox/inbox/", ANN, LIST, "/sandbox/inbox/first", AUTHORIZE])
def test_every_input_has_a_label_and_no_page_has_a_script(client: Client, account: Account, path: str) -> None:
    text = client.get(path).content.decode()
    labelled = set(re.findall(r'<label for="([^"]+)"', text))
    inputs = [tag for tag in re.findall(r"<(?:input|select)[^>]*>", text) if 'type="hidden"' not in tag]
    assert inputs
    for tag in inputs:
        found = re.search(r' id="([^"]+)"', tag)
        assert found, tag
        assert found[1] in labelled, tag
    assert "<script" not in text
    assert "style=" not in text


def test_account_page_shows_lists_counters_and_calls(client: Client, logged_in: Application) -> None:
    logged_in.get("/api/1/list", {"count": "7"})
    text = client.get(ANN).content.decode()
    for part in ("People", "/api/1/list?count=7", "Calls in the busiest second"):
        assert part in text


def test_reset_button_forgets_the_calls(client: Client, logged_in: Application) -> None:
    assert client.post(f"{ANN}/reset").status_code == 302
    assert not Call.objects.exists()


def test_settings_are_saved_and_a_bad_one_is_told_beside_its_field(client: Client, account: Account) -> None:
    good = {"ordering": "name", "date_unit": "s", "date_columns": "underscored", "strict_refresh": "on",
            "clock_offset_ms": "-5", "access_lifetime_s": "60"}  # fmt: skip
    assert client.post(f"{ANN}/settings", good).status_code == 302
    account.refresh_from_db()
    assert (account.ordering, account.date_unit, account.strict_refresh) == ("name", "s", True)
    assert (account.clock_offset_ms, account.calls_per_second) == (-5, 1000)
    refused = client.post(f"{ANN}/settings", good | {"ordering": "random"})
    assert refused.status_code == 400
    assert b'class="errorlist"' in refused.content
    account.refresh_from_db()
    assert account.ordering == "name"


@pytest.mark.parametrize("kind", Fault.Kind.values)
def test_every_fault_has_a_button_that_switches_it_on_and_one_that_ends_it(
    client: Client, account: Account, kind: str
) -> None:
    assert f'name="kind" value="{kind}"' in client.get(ANN).content.decode()
    form = {"times": "", "at": "2", "path": "", "delay_ms": "10", "status": "", "kind": kind}
    assert client.post(f"{ANN}/faults", form).status_code == 302
    fault = Fault.objects.get()
    assert (fault.kind, fault.waits, fault.remaining) == (kind, 1, None)
    assert client.post(f"{ANN}/faults/{fault.pk}/end").status_code == 302
    assert not Fault.objects.exists()


def test_fault_form_tells_what_is_wrong(client: Client, account: Account) -> None:
    assert client.post(f"{ANN}/faults", {"at": "0", "delay_ms": "1", "kind": "error"}).status_code == 400
    assert client.post(f"{ANN}/faults", {"at": "1", "delay_ms": "1", "kind": "fire"}).status_code == 400
    Fault.objects.create(account=account, kind="error", path="/")
    client.post(f"{ANN}/faults/end")
    assert not Fault.objects.exists()


def test_list_is_added(client: Client, account: Account) -> None:
    assert client.post(f"{ANN}/lists", {"name": "More"}).headers["Location"] == f"{ANN}/lists/l-0002"
    assert client.post(f"{ANN}/lists", {"name": ""}).status_code == 400


def test_contact_is_added_changed_and_deleted(client: Client, people: ContactList) -> None:
    assert client.post(LIST, {"column_0": "z@example.com"}).status_code == 302
    assert client.post(f"{LIST}/contacts/4", {"column_0": "z@example.com", "column_3": "Z"}).status_code == 302
    assert people.contacts.get(record=4).cells == ["z@example.com", "", "", "Z"]
    assert b'value="z@example.com"' in client.get(LIST).content
    assert client.post(f"{LIST}/contacts/4", {"delete": "1", "page": "1"}).status_code == 302
    assert client.post(f"{LIST}/contacts/4", {"delete": "1"}).status_code == 404
    assert client.post(f"{LIST}/contacts/4", {"column_0": "x"}).status_code == 404
    assert people.contacts.count() == 3


def test_empty_contact_is_not_added(client: Client, people: ContactList) -> None:
    assert client.post(LIST, {"column_0": " "}).status_code == 400
    assert people.contacts.count() == 3


def test_one_click_changes_a_thousand_contacts_shown_on_pages(client: Client, people: ContactList) -> None:
    assert client.post(f"{LIST}/bulk").status_code == 302
    assert people.contacts.filter(cells__3__startswith="Changed").count() == 1_000
    assert b"Page 20 of 20" in client.get(f"{LIST}?page=20").content


@pytest.mark.parametrize("path", ["/sandbox/accounts/nobody", f"{ANN}/lists/l-0009"])
def test_what_does_not_exist_is_404(client: Client, account: Account, path: str) -> None:
    assert client.get(path).status_code == 404


def test_forms_need_a_csrf_token(account: Account) -> None:
    assert Client(enforce_csrf_checks=True).post(f"{ANN}/reset").status_code == 403
