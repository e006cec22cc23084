from typing import Any

import pytest

from sandbox import contacts
from sandbox.models import Account, Contact, ContactList
from sandbox.rows import Values
from tests.sandbox.conftest import Application, cells

pytestmark = pytest.mark.django_db(databases=["default", "sandbox"])
PEOPLE = "/api/1/list/l-0001"


def dated(contact_list: ContactList, *moments_ms: int) -> None:
    """Replace the contacts by one for each moment, made 500 ms before it."""
    contact_list.contacts.all().delete()
    contacts.add(contact_list, [Values({}, moment - 500, moment) for moment in moments_ms])


def ids(response: Any) -> list[str]:
    assert response.status_code == 200
    return [row[0] for row in response.json()["data"]]


def test_list_of_lists_tells_each_lists_last_change(logged_in: Application, people: ContactList) -> None:
    contacts.add_list(people.account, "Empty")
    body = logged_in.get("/api/1/list", {"listingtype": "contact_list", "count": "1", "offset": "0"}).json()
    assert (body["count"], body["totalCount"], body["offset"]) == (1, 2, 0)
    [row] = body["result"]
    assert (row["id"], row["sourceSize"], row["tsLastModified"]) == ("l-0001", 3, people.modified_ms)


@pytest.mark.parametrize("what", ["add", "change", "delete"])
def test_every_change_of_a_contact_moves_its_lists_date(logged_in: Application, people: ContactList, what: str) -> None:
    ContactList.objects.update(modified_ms=1)
    sent = {
        "add": ("POST", f"{PEOPLE}/record", {"Email": "z@example.com"}),
        "change": ("PUT", f"{PEOPLE}/record/1", {"Company": "New"}),
        "delete": ("DELETE", f"{PEOPLE}/record/1", None),
    }[what]
    assert logged_in.send(*sent).status_code == 200
    [row] = logged_in.get("/api/1/list").json()["result"]
    assert row["tsLastModified"] >= people.modified_ms


def test_download_has_record_ids_headers_and_text_cells(logged_in: Application, people: ContactList) -> None:
    body = logged_in.get(PEOPLE, {"count": "2", "offset": "1"}).json()
    assert (body["listId"], body["offset"], body["count"], body["totalCount"]) == ("l-0001", 1, 2, 3)
    assert body["headers"] == ["_contact_id_", "Email", "First Name", "Last Name", "Company"]
    assert body["headers"][body["emailColumn"]] == "Email"
    assert [row[0] for row in body["data"]] == ["l-0001:2", "l-0001:3"]
    assert all(isinstance(cell, str) for row in body["data"] for cell in row)


@pytest.mark.parametrize(
    ("spelling", "columns"),
    [("plain", ["created_date", "modified_date"]), ("underscored", ["__created_date", "__modified_date"])],
)
def test_date_columns_are_milliseconds_as_text(
    logged_in: Application, people: ContactList, spelling: str, columns: list[str]
) -> None:
    Account.objects.update(date_columns=spelling)
    dated(people, 1_000)
    body = logged_in.get(PEOPLE, {"datequalifiers": "true"}).json()
    assert body["headers"][-2:] == columns
    assert body["data"][0][-2:] == ["500", "1000"]


@pytest.mark.parametrize(
    ("bounds", "found"),
    [
        ({"modafter": "2000"}, [2, 3]),
        ({"modafter": "2001"}, [3]),
        ({"modbefore": "2000"}, [1]),
        ({"modafter": "1000", "modbefore": "3000"}, [1, 2]),
        ({"createdafter": "1500"}, [2, 3]),
        ({"createdbefore": "1500"}, [1]),
        ({"modafter": ""}, [1, 2, 3]),
        ({"modafter": "99999999999999999"}, []),
    ],
)
def test_bounds_select_by_date(
    logged_in: Application, people: ContactList, bounds: dict[str, str], found: list[int]
) -> None:
    dated(people, 1_000, 2_000, 3_000)
    response = logged_in.get(PEOPLE, bounds)
    assert ids(response) == [f"l-0001:{number + 3}" for number in found]
    assert response.json()["totalCount"] == len(found)


def test_bounds_are_seconds_where_the_account_reads_them_so(logged_in: Application, people: ContactList) -> None:
    Account.objects.update(date_unit="s")
    dated(people, 1_000, 2_000, 3_000)
    assert ids(logged_in.get(PEOPLE, {"modafter": "2"})) == ["l-0001:5", "l-0001:6"]


@pytest.mark.parametrize(
    ("ordering", "order"),
    [("id", [1, 2, 3]), ("changed_oldest", [2, 3, 1]), ("changed_newest", [1, 3, 2]), ("name", [3, 1, 2])],
)
def test_download_is_in_the_order_of_the_account(
    logged_in: Application, people: ContactList, ordering: str, order: list[int]
) -> None:
    Account.objects.update(ordering=ordering)
    people.contacts.all().delete()
    contacts.add(
        people, [Values({"Email": email}, 1, moment) for email, moment in (("b@", 30), ("c@", 10), ("A@", 20))]
    )
    pages = [ids(logged_in.get(PEOPLE, {"count": "1", "offset": str(offset)})) for offset in range(3)]
    assert [page[0] for page in pages] == [f"l-0001:{number + 3}" for number in order]


def test_a_page_has_at_most_a_thousand_rows(logged_in: Application, people: ContactList) -> None:
    contacts.generate(people, 1_001)
    assert len(ids(logged_in.get(PEOPLE, {"count": "5000"}))) == 1_000


def test_fields_choose_columns(logged_in: Application, people: ContactList) -> None:
    body = logged_in.get(PEOPLE, {"fields": "Company;Email"}).json()
    assert body["headers"] == ["_contact_id_", "Company", "Email"]
    assert len(body["data"][0]) == 3


def test_csv_has_the_headers_first(logged_in: Application, people: ContactList) -> None:
    response = logged_in.get(PEOPLE, {"responseformat": "csv"})
    assert response.headers["Content-Type"].startswith("text/csv")
    assert response.content.splitlines()[0] == b"_contact_id_,Email,First Name,Last Name,Company"


@pytest.mark.parametrize(
    "query",
    [
        {"fields": "Email", "datequalifiers": "true"},
        {"fields": "Nothing"},
        {"count": "-1"},
        {"offset": "x"},
        {"modafter": "yesterday"},
        {"responseformat": "xml"},
    ],
)
def test_parameter_at_fault_is_named(logged_in: Application, people: ContactList, query: dict[str, str]) -> None:
    response = logged_in.get(PEOPLE, query)
    assert response.status_code == 400
    assert next(iter(query)) in response.json()["message"]


def test_record_is_read_in_the_order_of_the_headers(logged_in: Application, people: ContactList) -> None:
    headers = logged_in.get(PEOPLE).json()["headers"]
    for name in ("2", "l-0001:2"):
        row = logged_in.get(f"{PEOPLE}/record/{name}").json()
        assert row[0] == "l-0001:2"
        assert len(row) == len(headers)


def test_record_is_added_changed_and_deleted(logged_in: Application, people: ContactList) -> None:
    added = logged_in.send("POST", f"{PEOPLE}/record", {"Email": "z@example.com"}).json()
    assert added["id"] == added["contact_id"] == "l-0001:4"
    assert logged_in.send("PUT", f"{PEOPLE}/record/l-0001:4", {"Company": "Z"}).status_code == 200
    assert logged_in.get(f"{PEOPLE}/record/4").json() == ["l-0001:4", "z@example.com", "", "", "Z"]
    assert logged_in.send("DELETE", f"{PEOPLE}/record/4").status_code == 200
    assert logged_in.get(f"{PEOPLE}/record/4").status_code == 404


def test_record_with_an_unknown_column_is_refused(logged_in: Application, people: ContactList) -> None:
    response = logged_in.send("POST", f"{PEOPLE}/record", {"Shoe size": "42"})
    assert response.status_code == 400
    assert "Shoe size" in response.json()["message"]
    assert people.contacts.count() == 3


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_missing_record_is_404(logged_in: Application, people: ContactList, method: str) -> None:
    for record in ("99", "x", "9" * 30):
        assert logged_in.send(method, f"{PEOPLE}/record/{record}", {"Company": "Z"}).status_code == 404


def test_missing_list_is_404_with_act_ons_code(logged_in: Application) -> None:
    response = logged_in.get("/api/1/list/l-9999")
    assert response.status_code == 404
    assert response.json() == {"errorCode": 10004, "message": "Invalid or missing list"}


def test_list_is_deleted_with_its_contacts(logged_in: Application, people: ContactList) -> None:
    assert logged_in.send("DELETE", PEOPLE).status_code == 200
    assert logged_in.get(PEOPLE).status_code == 404
    assert not Contact.objects.exists()


def test_lists_of_another_account_are_not_seen(app: Application, people: ContactList) -> None:
    contacts.add_list(people.account, "Only here")
    app.log_in("bea")
    assert app.get("/api/1/list/l-0004").status_code == 404


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic x"}])
def test_call_without_a_known_token_is_the_gateways_401(app: Application, headers: dict[str, str]) -> None:
    response = app.client.get("/sandbox/api/1/list", headers=headers)
    assert response.status_code == 401
    assert response.json()["httpCode"] == "401"


def test_unknown_path_is_the_gateways_404_and_never_a_page(app: Application) -> None:
    for path in ("/sandbox/api/2/x", "/sandbox/api", "/sandbox/api/1/list/l-0001/nothing"):
        assert app.client.post(path).json()["httpCode"] == "404"


def test_dates_follow_the_accounts_clock(logged_in: Application, people: ContactList) -> None:
    hour_ms = 3_600_000
    Account.objects.update(clock_offset_ms=-hour_ms)
    before = people.modified_ms
    contacts.change(people, {1: cells(Company="Z")})
    people.refresh_from_db()
    assert before - hour_ms <= people.modified_ms < before
    assert people.contacts.get(record=1).modified_ms == people.modified_ms
