"""The event log narrowed down, followed live, and taken out as a file."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from console import export
from tests.console import rows
from tests.console.test_event_log import LOG, ids, log


def file(browser: Client, kind: str, **query: Any) -> str:
    response = browser.get(f"{LOG}.{kind}", query)
    assert response.status_code == 200
    assert f'filename="events.{kind}"' in response.headers["Content-Disposition"]
    return b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]


def test_a_csv_has_a_line_a_change_and_no_formulas(browser: Client, member: User) -> None:
    row = rows.instance(member, '=HYPERLINK("x")')
    change = rows.change(row, 'l-0001:"1"', error="refused, with a comma")
    (line,) = csv.DictReader(io.StringIO(file(browser, "csv")))
    assert line["id"] == str(change.pk)
    assert line["objectId"] == 'l-0001:"1"'
    assert line["error"] == "refused, with a comma"
    assert line["instance"] == '\'=HYPERLINK("x")'


def test_ndjson_has_the_record(browser: Client, member: User) -> None:
    change = rows.change(rows.instance(member))
    (line,) = file(browser, "ndjson").splitlines()
    assert json.loads(line)["record"] == json.loads(change.record)


def test_everything_that_passes_the_filter_is_in_the_file_and_nothing_else(
    browser: Client, member: User, stranger: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "ROWS_AT_ONCE", 3)
    row = rows.instance(member)
    wanted = [rows.change(row, f"l-0001:{number}").pk for number in range(7)]
    rows.change(row, "l-0002:1")
    rows.change(rows.instance(stranger), "l-0001:8")
    lines = file(browser, "ndjson", object_id="l-0001:*").splitlines()
    assert [json.loads(line)["id"] for line in lines] == wanted[::-1]


def test_another_kind_of_file_is_a_404(browser: Client) -> None:
    assert browser.get(f"{LOG}.exe").status_code == 404


def test_the_log_can_be_narrowed_by_tag_resource_prefix_and_time(browser: Client, member: User) -> None:
    now = timezone.now()
    tagged = rows.instance(member, tags=["Important"], connection=rows.connection(member))
    first = rows.change(tagged, "l-0001:1", found_at=now - timedelta(hours=2))
    second = rows.change(rows.instance(member), "l-0002:1", object_type="campaigns")
    assert ids(log(browser, tag="Important")) == [first.pk]
    assert ids(log(browser, resource="campaigns")) == [second.pk]
    assert ids(log(browser, object_id="l-0002:*")) == [second.pk]
    assert ids(log(browser, span="1h")) == [second.pk]
    minutes = "%Y-%m-%dT%H:%M"
    end = (now - timedelta(hours=1)).strftime(minutes)
    assert ids(log(browser, end=end)) == [first.pk]
    assert ids(log(browser, begin=end)) == [second.pk]
    assert "later than the end" in log(browser, begin=now.strftime(minutes), end=end)
