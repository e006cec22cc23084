"""The notification that a callback receives, member by member (CONTRACT §6)."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from events import notification_body, retry, signing
from events.changes import NewChange

SOURCE = notification_body.Source(431, 'API "Instance"', ["Docs", "ü"], 2, "contacts")
RECORD = {"_contact_id_": "l-0001:12", "Email": "a@b.com", "__modified_date": "1479945600000"}


def change(record: dict[str, str], number: int = 1) -> NewChange:
    return NewChange(f"l-0001:{number}", "v", "CREATED", 3, 1479945600000, json.dumps(record), "")


def body_of(changes: list[NewChange]) -> dict[str, object]:
    raw = notification_body.raw(SOURCE, changes)
    tail = notification_body.tail(SOURCE, 77120, raw, changes, datetime(2026, 11, 23, 23, 44, 22, tzinfo=UTC))
    parsed: dict[str, object] = json.loads('{"id": 9041, ' + tail)
    return parsed


def test_it_is_the_documented_body() -> None:
    assert body_of([change(RECORD, 12)]) == {
        "id": 9041,
        "topic": "acton",
        "from": "acton-hub",
        "severity": "low",
        "createdDate": "2026-11-23T23:44:22Z",
        "message": {
            "elementKey": "acton",
            "accountId": 2,
            "companyId": 2,
            "eventId": "77120",
            "instanceId": 431,
            "instance_id": 431,
            "instanceName": 'API "Instance"',
            "instanceTags": ["Docs", "ü"],
            "raw": {"objectType": "contacts", "instance_id": 431, "contacts": [RECORD]},
            "events": [
                {
                    "elementKey": "acton",
                    "hubKey": "marketing",
                    "eventType": "CREATED",
                    "objectType": "contacts",
                    "objectId": "l-0001:12",
                    "date": "2016-11-24T00:00:00Z",
                    "sequence": 3,
                }
            ],
        },
    }


@given(st.lists(st.dictionaries(st.text(), st.text(), max_size=4), min_size=1, max_size=10))
def test_raw_holds_the_records_as_they_came(records: list[dict[str, str]]) -> None:
    changes = [change(record, number) for number, record in enumerate(records)]
    assert json.loads(notification_body.raw(SOURCE, changes))["contacts"] == records


@given(st.text(min_size=1), st.binary())
def test_the_signature_is_the_hmac_of_the_exact_bytes(key: str, body: bytes) -> None:
    key = key.encode("utf-8", "ignore").decode() or "k"
    headers = signing.headers_for("id", key, body)
    expected = base64.b64encode(hmac.digest(key.encode(), body, hashlib.sha256)).decode()
    assert headers["Elements-Webhook-Signature"] == f"sha256={expected}"


def test_without_a_key_there_is_no_signature() -> None:
    assert signing.headers_for("id", "", b"{}") == {"Content-Type": "application/json", "Elements-Webhook-Id": "id"}


def test_the_x_th_retry_comes_2_to_the_2x_seconds_after_the_failure_before_it() -> None:
    pauses = [retry.pause_after(failures) for failures in range(1, 10)]
    assert pauses == [timedelta(seconds=4**number) for number in range(1, 10)]
    assert retry.pause_after(10) is None


def test_a_rest_puts_off_no_lone_delivery() -> None:
    failing_for = timedelta(0)
    for failures in range(1, 10):
        pause = retry.pause_after(failures)
        assert pause is not None
        assert timedelta(seconds=1) <= retry.rest_after(failing_for) <= min(pause, timedelta(seconds=4))
        failing_for += pause


@given(st.integers(-(10**18), 10**18))
def test_any_date_becomes_a_text(milliseconds: int) -> None:
    assert notification_body.iso_ms(milliseconds).endswith("Z")
