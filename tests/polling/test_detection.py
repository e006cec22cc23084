"""CREATED, UPDATED, versions and windows, by the contract's rule (CONTRACT §4)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elements.acton.default_poller import DEFAULT
from events.changes import Remembered
from polling import detection
from polling.configuration import load

CONTACTS = load(DEFAULT["contacts"], "contacts")
MS = st.integers(0, 4_000_000_000_000)


def contact(created: int | None, updated: int | None, **fields: str) -> dict[str, str]:
    record = {"_contact_id_": "l-0001:12", **fields}
    if created is not None:
        record["__created_date"] = str(created)
    if updated is not None:
        record["__modified_date"] = str(updated)
    return record


@given(MS, st.integers(0, 10**9))
def test_created_where_both_dates_agree_updated_where_it_was_created_earlier(created: int, later: int) -> None:
    sighting = detection.sight(contact(created, created + later), CONTACTS)
    for seen_before in (True, False):
        kind = detection.event_type(sighting, seen_before=seen_before, tolerance_s=0)
        assert kind == ("CREATED" if later == 0 else "UPDATED")


@given(MS, st.integers(0, 100_000), st.integers(0, 60))
def test_dates_within_the_tolerance_count_as_equal(created: int, later: int, tolerance: int) -> None:
    sighting = detection.sight(contact(created, created + later), CONTACTS)
    kind = detection.event_type(sighting, seen_before=True, tolerance_s=tolerance)
    assert (kind == "CREATED") == (later <= tolerance * 1000)


def test_without_a_created_date_an_object_is_created_when_first_seen() -> None:
    sighting = detection.sight(contact(None, 5), CONTACTS)
    assert detection.event_type(sighting, seen_before=False, tolerance_s=0) == "CREATED"
    assert detection.event_type(sighting, seen_before=True, tolerance_s=0) == "UPDATED"


@given(MS, MS)
def test_only_what_is_later_than_the_last_poll_date_is_in_the_window(updated: int, last_poll: int) -> None:
    sighting = detection.sight(contact(0, updated), CONTACTS)
    assert detection.in_window(sighting, last_poll, CONTACTS) == (updated > last_poll)


def test_the_created_date_decides_where_the_updated_date_shall_not() -> None:
    by_created = load({**DEFAULT["contacts"], "filterByUpdatedDate": False}, "contacts")
    sighting = detection.sight(contact(100, 500), by_created)
    assert not detection.in_window(sighting, 200, by_created)
    assert detection.in_window(sighting, 99, by_created)


@given(MS, st.text(max_size=20), st.text(max_size=20))
def test_a_version_is_the_date_and_the_record(updated: int, before: str, after: str) -> None:
    first = detection.sight(contact(0, updated, Name=before), CONTACTS)
    second = detection.sight(contact(0, updated, Name=after), CONTACTS)
    assert (first.version == second.version) == (before == after)
    assert detection.sight(contact(0, updated + 1, Name=before), CONTACTS).version != first.version


@given(
    st.dictionaries(st.text(max_size=8), st.text(max_size=8)), st.dictionaries(st.text(max_size=8), st.text(max_size=8))
)
def test_changed_fields_say_what_stood_there_before(old: dict[str, str], new: dict[str, str]) -> None:
    changed = json.loads(detection.changed_fields(json.dumps(old), json.dumps(new)))
    assert changed == {key: old.get(key) for key in {*old, *new} if old.get(key) != new.get(key)}


def test_a_change_counts_on_from_what_is_remembered() -> None:
    sighting = detection.sight(contact(1, 9, Name="new"), CONTACTS)
    before = Remembered("8:x", json.dumps(contact(1, 8, Name="old")), 4)
    change = detection.change(sighting, before, CONTACTS)
    assert (change.sequence, change.event_type, change.occurred_ms) == (5, "UPDATED", 9)
    assert json.loads(change.previous) == {"Name": "old", "__modified_date": "8"}


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ({"Email": "a@b.c"}, "no id"),
        ({"_contact_id_": ""}, "no id"),
        ({"_contact_id_": {"a": 1}}, "no id"),
        ({"_contact_id_": "x" * 301}, "too long"),
        ({"_contact_id_": "a\0b"}, "unprintable"),
        ({"_contact_id_": "1", "__modified_date": "yesterday"}, "milliseconds"),
        ({"_contact_id_": "1", "__created_date": True}, "milliseconds"),
    ],
)
def test_a_record_that_cannot_be_read_says_why(record: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        detection.sight(record, CONTACTS)


def test_ids_and_dates_stand_at_dotted_paths() -> None:
    entry = {"url": DEFAULT["contacts"]["url"], "idField": "a.id", "datesConfiguration": {"updatedDateField": "d.x"}}
    sighting = detection.sight({"a": {"id": 7}, "d.x": 5, "d": {"x": 6}}, load(entry, "things"))
    assert (sighting.object_id, sighting.updated_ms) == ("7", 5)


def test_text_that_no_database_stores_is_stored_escaped() -> None:
    sighting = detection.sight(contact(1, 1, Name="a\0b\ud800"), CONTACTS)
    assert sighting.record.isascii()
    assert "\0" not in sighting.record
