import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import contacts
from sandbox.models import Account, ContactList
from sandbox.rows import HEADERS, BadContact, Values, read_values, sample
from tests.sandbox.conftest import cells

pytestmark = pytest.mark.django_db(databases=["default", "sandbox"])


def test_adding_numbers_records_and_never_uses_a_number_again(people: ContactList) -> None:
    assert contacts.add(people, [cells(Email="x@example.com"), cells()]) == [4, 5]
    contacts.remove(people, [5])
    assert contacts.add(people, [cells()]) == [6]


def test_changing_keeps_other_columns_and_the_created_date(people: ContactList) -> None:
    before = people.contacts.get(record=2)
    contacts.change(people, {2: cells(First_Name="Zoe")})
    after = people.contacts.get(record=2)
    assert after.cells == [before.cells[0], "Zoe", *before.cells[2:]]
    assert after.created_ms == before.created_ms
    assert after.modified_ms >= before.modified_ms
    assert after.pk == before.pk


def test_changing_a_missing_contact_changes_none(people: ContactList) -> None:
    with pytest.raises(contacts.Missing, match="contact 9"):
        contacts.change(people, {1: cells(Company="Z"), 9: cells(Company="Z")})
    assert people.contacts.get(record=1).cells[-1] != "Z"


def test_changing_a_thousand_adds_what_is_missing_and_changes_each(people: ContactList) -> None:
    assert contacts.change_first(people, 1_000) == 1_000
    assert people.contacts.count() == 1_000
    assert len({contact.cells[-1] for contact in people.contacts.all()}) == 1_000
    assert contacts.change_first(people, 10) == 10
    assert people.contacts.count() == 1_000


def test_batches_cover_everything(people: ContactList, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contacts, "BATCH", 7)
    monkeypatch.setattr(contacts, "STATEMENT_ROWS", 3)
    assert contacts.add(people, [cells() for _ in range(20)]) == list(range(4, 24))
    assert contacts.change(people, {record: cells(Company="Z") for record in range(1, 24)}) == 23
    assert {contact.cells[-1] for contact in people.contacts.all()} == {"Z"}
    assert contacts.remove(people, range(1, 24)) == 23


def test_dates_can_be_given(people: ContactList) -> None:
    [record] = contacts.add(people, [read_values({"__modified_date": 5_000}, HEADERS)], list_modified_ms=77)
    contact = people.contacts.get(record=record)
    assert (contact.created_ms, contact.modified_ms) == (5_000, 5_000)
    people.refresh_from_db()
    assert people.modified_ms == 77


def test_moving_data_does_a_little_of_everything(account: Account, people: ContactList) -> None:
    contacts.move(account, "l-0001", {})
    records = list(people.contacts.order_by("record").values_list("record", flat=True))
    assert records == [2, 3, 4]
    assert people.contacts.get(record=3).cells[-1].startswith("Moved")


def test_moving_data_does_what_it_is_told(account: Account, people: ContactList) -> None:
    contacts.move(
        account, "", {"list": "l-0001", "add": [{}, {}], "change": {"2": {"Company": "Z"}}, "delete": ["l-0001:1", 3]}
    )
    assert list(people.contacts.order_by("record").values_list("record", flat=True)) == [2, 4, 5]
    assert people.contacts.get(record=2).cells[-1] == "Z"


@pytest.mark.parametrize(
    "values", [{"Shoe size": "42"}, {"Email": ["x"]}, {"__modified_date": "soon"}, {"__created_date": True}]
)
def test_values_that_do_not_fit_are_refused_by_name(values: dict[str, object]) -> None:
    with pytest.raises(BadContact) as refused:
        read_values(values, HEADERS)
    assert refused.value.field == next(iter(values))


@given(st.dictionaries(st.sampled_from(HEADERS), st.text() | st.integers() | st.none()))
def test_values_that_fit_become_text(values: dict[str, object]) -> None:
    read = read_values(values, HEADERS)
    assert set(read.cells) == set(values)
    assert all(isinstance(cell, str) for cell in read.cells.values())


def test_samples_differ_in_their_address() -> None:
    addresses = {sample(number, HEADERS).cells["Email"] for number in range(500)}
    assert len(addresses) == 500


def test_samples_fill_columns_they_do_not_know() -> None:
    assert sample(1, ["Shoe size"]) == Values({"Shoe size": "Shoe size 1"})
